package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/resilgo/resil/examples/retail/internal/telemetry"
)

// S3Config says where the bucket is.
type S3Config struct {
	Endpoint  string // URL of the server; "" = AWS itself
	Region    string
	Bucket    string
	AccessKey string
	SecretKey string
}

// S3 is the Archive in a bucket of an S3-compatible server. It is safe for
// concurrent use.
type S3 struct {
	client *s3.Client
	bucket string
}

// NewS3 returns a client of the bucket. It dials nothing.
func NewS3(cfg S3Config) *S3 {
	client := s3.New(s3.Options{
		Region:      cfg.Region,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, ""),
		// Retries are the guard's business; the SDK would make three attempts.
		Retryer: aws.NopRetryer{},
		// The SDK keeps ten idle connections and dials anew for the others.
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = telemetry.KeptConnections
		}),
	}, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
			o.UsePathStyle = true // bucket.localhost resolves nowhere
		}
	})
	return &S3{client: client, bucket: cfg.Bucket}
}

// Put stores body under key.
func (s *S3) Put(ctx context.Context, key, contentType string, body []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      aws.String(s.bucket),
		Key:         aws.String(key),
		ContentType: aws.String(contentType),
		Body:        bytes.NewReader(body),
	})
	return err
}

// Open returns the document under key, or ErrNoObject.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(s.bucket), Key: aws.String(key)})
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return nil, ErrNoObject
	}
	if err != nil {
		return nil, err
	}
	return out.Body, nil
}

// Ping checks that the bucket is there.
func (s *S3) Ping(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(s.bucket)})
	return err
}
