// Package objects keeps the files of segments in a bucket of an object store that speaks
// S3's protocol. No other package imports its SDK.
//
// An object has the name of the file, and no two files ever have the same name, so it is
// written once and never changed. A write that is repeated is refused by the store (If-None-Match)
// and succeeds when the object is equal; one that was altered on its way is refused for its hash.
package objects

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/cache"
)

const (
	// attempts is how often a request is made that fails for no fault of its own.
	attempts = 3
	// A request may wait so long for a connection, and for the first byte of an answer.
	connectTimeout, headerTimeout = 5 * time.Second, 15 * time.Second
	// All of it may take slowest and a second for each slowestRate bytes: a server that stops
	// reading, or in the middle of an answer, would hold up all loads and merges.
	slowest     = 30 * time.Second
	slowestRate = 1 << 20
)

// Bucket has objects. Its methods may be called at the same time.
type Bucket struct {
	client       *s3.Client
	name, prefix string
	slowest      time.Duration // tests lower it
}

// Open makes a Bucket. It makes no request.
func Open(ctx context.Context, cfg warehouse.Bucket, metrics *Metrics) (*Bucket, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(cfg.Region),
		config.WithHTTPClient(impatient()), // which takes AWS_CA_BUNDLE, too
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = attempts, 2*time.Second
				// The default stops retrying for all requests after a minute of trouble:
				// MaxAttempts bounds each.
				o.RateLimiter = ratelimit.None
			})
		}),
	}
	if cfg.AccessKey != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(cfg.AccessKey, string(cfg.SecretKey), "")))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket: %w", err)
	}
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
		o.UsePathStyle = cfg.PathStyle
		o.HTTPClient = metrics.count(loaded.HTTPClient)
		// Files have their own hashes; further checksums only cost, and not every server knows them.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &Bucket{client: client, name: cfg.Name, prefix: cfg.Prefix, slowest: slowest}, nil
}

// impatient gives up on servers that do not answer.
func impatient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = connectTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = headerTimeout
			t.MaxIdleConnsPerHost = 32
			t.DisableCompression = true
		})
}

// bounded is a context for requests that move so many bytes, repetitions included.
func (b *Bucket) bounded(ctx context.Context, bytes int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.slowest+time.Duration(bytes/slowestRate)*time.Second)
}

// Put makes an object of the file at from, which has the size and hash of f. An equal one
// that is there already is success; the error is cache.ErrDiffers when another one is.
func (b *Bucket) Put(ctx context.Context, f cache.File, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("putting an object: %w", err)
	}
	defer file.Close()
	ctx, cancel := b.bounded(ctx, f.Bytes)
	defer cancel()
	_, err = b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: b.key(f.Path), Body: file, ContentLength: &f.Bytes,
		IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(f.SHA256[:])),
	}, withPayloadHash(f.SHA256))
	if status(err) == http.StatusPreconditionFailed {
		err = b.equal(ctx, f)
	}
	if err != nil {
		return fmt.Errorf("putting %s: %w", f.Path, err)
	}
	return nil
}

// withPayloadHash signs a hash that is known: the SDK need not read the file for it.
func withPayloadHash(sum [32]byte) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("payloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
			}), middleware.Before)
	})
}

// equal returns nil when the object of f has its size and hash, and otherwise cache.ErrDiffers.
func (b *Bucket) equal(ctx context.Context, f cache.File) error {
	head, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: b.key(f.Path), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return err
	}
	if aws.ToInt64(head.ContentLength) != f.Bytes {
		return fmt.Errorf("%w, of %d bytes", cache.ErrDiffers, aws.ToInt64(head.ContentLength))
	}
	if sum := head.ChecksumSHA256; sum != nil && !strings.Contains(*sum, "-") { // of the whole object
		if *sum != base64.StdEncoding.EncodeToString(f.SHA256[:]) {
			return fmt.Errorf("%w, of another hash", cache.ErrDiffers)
		}
		return nil
	}
	err = b.read(ctx, f, io.Discard)
	if errors.Is(err, cache.ErrDamaged) {
		return fmt.Errorf("%w: %w", cache.ErrDiffers, err)
	}
	return err
}

// Has returns nil when there is an object, and cache.ErrMissing when there is none. It asks
// for a byte: a store says in the answer to that, not in one without a body, what is missing.
func (b *Bucket) Has(ctx context.Context, path string) error {
	ctx, cancel := b.bounded(ctx, 1)
	defer cancel()
	got, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: b.key(path), Range: aws.String("bytes=0-0")})
	if err != nil {
		return fmt.Errorf("looking for %s: %w", path, classify(err))
	}
	_ = got.Body.Close()
	return nil
}

// List calls each with all objects below the prefix, in the order of their names' bytes:
// with the name, without the prefix, the size and when it was written, by the store's clock.
// A request returns a thousand.
func (b *Bucket) List(ctx context.Context, each func(path string, bytes int64, written time.Time) error) error {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &b.prefix})
	for pages.HasMorePages() {
		page, err := b.next(ctx, pages)
		if err != nil {
			return fmt.Errorf("listing objects: %w", classify(err))
		}
		for _, o := range page.Contents {
			if err := each(strings.TrimPrefix(aws.ToString(o.Key), b.prefix), aws.ToInt64(o.Size), aws.ToTime(o.LastModified)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Bucket) next(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := b.bounded(ctx, 0)
	defer cancel()
	return pages.NextPage(ctx)
}

// Remove removes objects, at most 1,000. Those that are already gone are no error. The
// error is cache.ErrUnavailable when it is not about single ones.
func (b *Bucket) Remove(ctx context.Context, paths ...string) error {
	ctx, cancel := b.bounded(ctx, 0)
	defer cancel()
	all := make([]types.ObjectIdentifier, len(paths))
	for i, path := range paths {
		all[i].Key = b.key(path)
	}
	out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b.name, Delete: &types.Delete{Objects: all, Quiet: aws.Bool(true)}})
	if err != nil {
		return fmt.Errorf("removing objects: %w", classify(err))
	}
	var errs []error
	for _, failed := range out.Errors {
		errs = append(errs, fmt.Errorf("removing %s: %s", aws.ToString(failed.Key), aws.ToString(failed.Code)))
	}
	return errors.Join(errs...)
}

// Reach asks whether the bucket is there and lets us in.
func (b *Bucket) Reach(ctx context.Context) error {
	if _, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name}); err != nil {
		return fmt.Errorf("reaching the bucket: %w", err)
	}
	return nil
}

func (b *Bucket) key(path string) *string { return aws.String(b.prefix + path) }
