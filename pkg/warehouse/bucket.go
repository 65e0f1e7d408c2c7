package warehouse

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Bucket is where segments are when they are not only in a folder.
type Bucket struct {
	Name       string `env:"WAREHOUSE_S3_BUCKET" doc:"Bucket of an S3-compatible object store that has the segments. WAREHOUSE_DIR then has only copies, and each process a folder of its own below it. Empty: the segments are in WAREHOUSE_DIR"`
	Endpoint   string `env:"WAREHOUSE_S3_ENDPOINT" doc:"Address of the object store, as https://host:port. Empty: that of Amazon S3 in the region"`
	Region     string `env:"WAREHOUSE_S3_REGION" envDefault:"us-east-1" doc:"Region of the bucket"`
	Prefix     string `env:"WAREHOUSE_S3_PREFIX" doc:"What the names of all objects begin with, as analytics/; the bucket may have others"`
	PathStyle  bool   `env:"WAREHOUSE_S3_PATH_STYLE" envDefault:"false" doc:"Name the bucket in the path and not in the host, as most servers other than Amazon's want it"`
	AccessKey  string `env:"WAREHOUSE_S3_ACCESS_KEY" doc:"Access key of the bucket. Empty: the AWS SDK looks for credentials, in its variables, its files and the machine's role"`
	SecretKey  Key    `env:"WAREHOUSE_S3_SECRET_KEY" doc:"Secret of the access key (WAREHOUSE_S3_SECRET_KEY_FILE reads it from a file)"`
	CacheBytes int64  `env:"WAREHOUSE_CACHE_BYTES" envDefault:"10737418240" doc:"Maximum size of the copies that a process keeps of the bucket's objects, at least 67108864. Files in use may take more. Without a bucket it means nothing"`
}

// Key is a secret that is not printed.
type Key string

// String hides the secret.
func (Key) String() string { return "(secret)" }

// GoString hides the secret.
func (Key) GoString() string { return "(secret)" }

// minCacheBytes holds the files of a large merged segment.
const minCacheBytes = 64 << 20

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixPattern = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]{0,99}/){0,5}$`)
	regionPattern = regexp.MustCompile(`^[a-zA-Z0-9-]{1,64}$`)
)

// Used says whether segments are in a bucket.
func (b *Bucket) Used() bool { return b.Name != "" }

// Validate reports everything that is wrong with the settings.
func (b *Bucket) Validate() error {
	if !b.Used() {
		return nil
	}
	var errs []error
	if !bucketPattern.MatchString(b.Name) || strings.Contains(b.Name, "..") {
		errs = append(errs, errors.New("WAREHOUSE_S3_BUCKET must be 3 to 63 lower-case letters, digits, dots and hyphens"))
	}
	if b.Endpoint != "" {
		u, err := url.Parse(b.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			errs = append(errs, errors.New("WAREHOUSE_S3_ENDPOINT must be http:// or https:// with a host and, if need be, a port"))
		}
	}
	if !regionPattern.MatchString(b.Region) {
		errs = append(errs, errors.New("WAREHOUSE_S3_REGION must be letters, digits and hyphens"))
	}
	if !prefixPattern.MatchString(b.Prefix) {
		errs = append(errs, errors.New("WAREHOUSE_S3_PREFIX must be empty or up to five names of letters, digits, dots, hyphens and underscores, each followed by a slash"))
	}
	if (b.AccessKey == "") != (b.SecretKey == "") {
		errs = append(errs, errors.New("WAREHOUSE_S3_ACCESS_KEY and WAREHOUSE_S3_SECRET_KEY belong together: set both or neither"))
	}
	if b.CacheBytes < minCacheBytes {
		errs = append(errs, fmt.Errorf("WAREHOUSE_CACHE_BYTES must be at least %d", minCacheBytes))
	}
	return errors.Join(errs...)
}
