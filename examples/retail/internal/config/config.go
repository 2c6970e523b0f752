// Package config reads the service's settings from the environment. With
// nothing set every dependency is an embedded stand-in.
package config

import (
	"errors"
	"fmt"
	"net/url"
)

// Config is everything that can be set from outside.
type Config struct {
	Addr       string // RETAIL_ADDR: where customers come in; default 127.0.0.1:8080
	AdminAddr  string // RETAIL_ADMIN_ADDR: where operators come in; default 127.0.0.1:8081
	AdminToken string // RETAIL_ADMIN_TOKEN: lets operators change things; "" = they may only look
	Policies   string // RETAIL_POLICIES: YAML file that overrides directives, followed live; "" = none
	Data       string // RETAIL_DATA: folder of the outbox and of the stand-ins' files; default retail-data

	DatabaseURL string // RETAIL_DATABASE_URL: postgres://…; "" = a SQLite file in Data
	RedisURL    string // RETAIL_REDIS_URL: redis://…; "" = miniredis

	S3Bucket    string // RETAIL_S3_BUCKET; "" = gofakes3 in Data
	S3Endpoint  string // RETAIL_S3_ENDPOINT: http(s)://…; "" = AWS
	S3Region    string // AWS_REGION; default us-east-1
	S3AccessKey string // AWS_ACCESS_KEY_ID
	S3SecretKey string // AWS_SECRET_ACCESS_KEY

	OpenAIKey   string // OPENAI_API_KEY; with neither this nor a URL a stub answers
	OpenAIURL   string // OPENAI_BASE_URL: …/v1; default https://api.openai.com/v1
	OpenAIModel string // RETAIL_OPENAI_MODEL; default gpt-5-mini
}

// EmbeddedOpenAI reports whether the language model is a stub.
func (c Config) EmbeddedOpenAI() bool { return c.OpenAIKey == "" && c.OpenAIURL == "" }

// DatabaseSystem is the database's kind as traces name it.
func (c Config) DatabaseSystem() string {
	if c.DatabaseURL == "" {
		return "sqlite"
	}
	return "postgresql"
}

// Load reads the configuration through getenv, usually os.Getenv, and returns
// everything that is wrong with it.
func Load(getenv func(string) string) (Config, error) {
	or := func(key, fallback string) string {
		if v := getenv(key); v != "" {
			return v
		}
		return fallback
	}
	c := Config{
		Addr:        or("RETAIL_ADDR", "127.0.0.1:8080"),
		AdminAddr:   or("RETAIL_ADMIN_ADDR", "127.0.0.1:8081"),
		AdminToken:  getenv("RETAIL_ADMIN_TOKEN"),
		Policies:    getenv("RETAIL_POLICIES"),
		Data:        or("RETAIL_DATA", "retail-data"),
		DatabaseURL: getenv("RETAIL_DATABASE_URL"),
		RedisURL:    getenv("RETAIL_REDIS_URL"),
		S3Bucket:    getenv("RETAIL_S3_BUCKET"),
		S3Endpoint:  getenv("RETAIL_S3_ENDPOINT"),
		S3Region:    or("AWS_REGION", "us-east-1"),
		S3AccessKey: getenv("AWS_ACCESS_KEY_ID"),
		S3SecretKey: getenv("AWS_SECRET_ACCESS_KEY"),
		OpenAIKey:   getenv("OPENAI_API_KEY"),
		OpenAIURL:   getenv("OPENAI_BASE_URL"),
		OpenAIModel: or("RETAIL_OPENAI_MODEL", "gpt-5-mini"),
	}
	err := errors.Join(
		checkURL("RETAIL_DATABASE_URL", c.DatabaseURL, "postgres", "postgresql"),
		checkURL("RETAIL_REDIS_URL", c.RedisURL, "redis", "rediss"),
		checkURL("RETAIL_S3_ENDPOINT", c.S3Endpoint, "http", "https"),
		checkURL("OPENAI_BASE_URL", c.OpenAIURL, "http", "https"),
	)
	if c.S3Endpoint != "" && c.S3Bucket == "" {
		err = errors.Join(err, errors.New("RETAIL_S3_ENDPOINT is set and RETAIL_S3_BUCKET is not"))
	}
	if c.S3Bucket != "" && (c.S3AccessKey == "" || c.S3SecretKey == "") {
		err = errors.Join(err, errors.New("RETAIL_S3_BUCKET needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"))
	}
	if !c.EmbeddedOpenAI() && c.OpenAIURL == "" {
		c.OpenAIURL = "https://api.openai.com/v1"
	}
	return c, err
}

// checkURL complains about a URL of another scheme. It never prints the URL,
// which may hold a password.
func checkURL(key, value string, schemes ...string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err == nil {
		for _, s := range schemes {
			if u.Scheme == s && u.Host != "" {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is not a %s:// URL", key, schemes[0])
}
