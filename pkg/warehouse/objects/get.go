package objects

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"eventanalytics/pkg/warehouse/cache"
)

// Get makes a file at the path to of an object with the size and hash of f, whole or not at
// all. The bytes are hashed as they come; what was cut short or altered on its way is
// asked for again. The error is cache.ErrMissing, ErrDamaged or ErrUnavailable.
func (b *Bucket) Get(ctx context.Context, f cache.File, to string) error {
	ctx, cancel := b.bounded(ctx, f.Bytes)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := b.get(ctx, f, to)
		if err == nil {
			return nil
		}
		if attempt == attempts || ctx.Err() != nil || errors.Is(err, cache.ErrMissing) || !errors.Is(err, errBody) {
			return fmt.Errorf("getting %s: %w", f.Path, err)
		}
	}
}

// errBody says that an answer began well.
var errBody = errors.New("reading the object")

func (b *Bucket) get(ctx context.Context, f cache.File, to string) (err error) {
	out, err := cache.CreatePart(to)
	if err != nil {
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	defer os.Remove(out.Name())
	if err := b.read(ctx, f, out); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	if err := os.Rename(out.Name(), to); err != nil {
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	return nil
}

// read writes an object to a writer and compares it with f.
func (b *Bucket) read(ctx context.Context, f cache.File, to io.Writer) error {
	got, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(f.Path)})
	if err != nil {
		return classify(err)
	}
	defer got.Body.Close()
	if n := aws.ToInt64(got.ContentLength); got.ContentLength != nil && n != f.Bytes {
		return fmt.Errorf("%w: it has %d bytes of %d", cache.ErrDamaged, n, f.Bytes)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, h), io.LimitReader(got.Body, f.Bytes+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w: %w", cache.ErrUnavailable, errBody, err)
	case n < f.Bytes:
		return fmt.Errorf("%w: %w: %d bytes of %d", cache.ErrUnavailable, errBody, n, f.Bytes)
	case n > f.Bytes || [32]byte(h.Sum(nil)) != f.SHA256:
		return fmt.Errorf("%w: %w: its hash is another", cache.ErrDamaged, errBody)
	}
	return nil
}

// Read returns an object of at most so many bytes, for small ones whose hash nobody noted. The
// error is cache.ErrMissing or ErrUnavailable.
func (b *Bucket) Read(ctx context.Context, path string, most int64) ([]byte, error) {
	ctx, cancel := b.bounded(ctx, most)
	defer cancel()
	got, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(path)})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, classify(err))
	}
	defer got.Body.Close()
	data, err := io.ReadAll(io.LimitReader(got.Body, most+1))
	switch n := aws.ToInt64(got.ContentLength); {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w: %w", path, cache.ErrUnavailable, err)
	case int64(len(data)) > most:
		return nil, fmt.Errorf("reading %s: it has more than %d bytes", path, most)
	case got.ContentLength != nil && int64(len(data)) != n:
		return nil, fmt.Errorf("reading %s: %w: %d bytes of %d", path, cache.ErrUnavailable, len(data), n)
	}
	return data, nil
}

// classify says what a failed request tells of its object. Only the store's word makes one
// missing: 404 is also what is said of a bucket that is gone, or by a gateway in between.
func classify(err error) error {
	var none *types.NoSuchKey
	if errors.As(err, &none) {
		return fmt.Errorf("%w: %w", cache.ErrMissing, err)
	}
	return fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
}

// status is that of the answer that an error is about, or 0.
func status(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}
