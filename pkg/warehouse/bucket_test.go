package warehouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBucketSettings(t *testing.T) {
	t.Parallel()
	good := Bucket{Name: "segments", Endpoint: "https://store:9000", Region: "eu-central-1", Prefix: "analytics/", AccessKey: "a", SecretKey: "s", CacheBytes: 1 << 30}
	require.NoError(t, good.Validate())
	require.NoError(t, (&Bucket{}).Validate(), "without a bucket nothing is asked for")
	for _, bad := range []struct {
		setting string
		change  func(*Bucket)
	}{
		{"WAREHOUSE_S3_BUCKET", func(b *Bucket) { b.Name = "Upper" }},
		{"WAREHOUSE_S3_BUCKET", func(b *Bucket) { b.Name = "a/b" }},
		{"WAREHOUSE_S3_BUCKET", func(b *Bucket) { b.Name = "a..b" }},
		{"WAREHOUSE_S3_BUCKET", func(b *Bucket) { b.Name = strings.Repeat("a", 64) }},
		{"WAREHOUSE_S3_ENDPOINT", func(b *Bucket) { b.Endpoint = "store:9000" }},
		{"WAREHOUSE_S3_ENDPOINT", func(b *Bucket) { b.Endpoint = "https://user:secret@store" }},
		{"WAREHOUSE_S3_ENDPOINT", func(b *Bucket) { b.Endpoint = "https://store/path" }},
		{"WAREHOUSE_S3_ENDPOINT", func(b *Bucket) { b.Endpoint = "file:///etc" }},
		{"WAREHOUSE_S3_REGION", func(b *Bucket) { b.Region = "" }},
		{"WAREHOUSE_S3_PREFIX", func(b *Bucket) { b.Prefix = "no-slash" }},
		{"WAREHOUSE_S3_PREFIX", func(b *Bucket) { b.Prefix = "/a/" }},
		{"WAREHOUSE_S3_PREFIX", func(b *Bucket) { b.Prefix = "../" }},
		{"WAREHOUSE_S3_SECRET_KEY", func(b *Bucket) { b.SecretKey = "" }},
		{"WAREHOUSE_CACHE_BYTES", func(b *Bucket) { b.CacheBytes = 1 }},
	} {
		b := good
		bad.change(&b)
		require.ErrorContains(t, b.Validate(), bad.setting, "%+v", b)
	}
	good.SecretKey = "s3cret"
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", good, good, good), "s3cret")
}
