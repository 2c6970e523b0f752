package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/resilgo/resil/examples/retail/internal/archive"
	"github.com/resilgo/resil/examples/retail/internal/assistant"
	"github.com/resilgo/resil/examples/retail/internal/cache"
	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/standin"
	"github.com/resilgo/resil/examples/retail/internal/store"
)

// clients are the four dependencies before any guard.
type clients struct {
	store     *store.SQL
	cache     *cache.Redis
	archive   *archive.S3
	assistant *assistant.OpenAI

	standIns map[string]*standin.Server // by dependency; real servers are not in it
}

// connect makes the four clients, and a stand-in for each server that cfg does
// not name. Of a real server it asks nothing: the service starts without.
func connect(cfg config.Config) (*clients, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	c := &clients{standIns: map[string]*standin.Server{}}
	err := errors.Join(
		named("db", c.connectStore(cfg)),
		named("redis", c.connectCache(cfg)),
		named("s3", c.connectArchive(cfg)),
		named("openai", c.connectAssistant(cfg)),
	)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *clients) connectStore(cfg config.Config) (err error) {
	if cfg.DatabaseURL != "" {
		c.store, err = store.OpenPostgres(cfg.DatabaseURL)
		return err
	}
	db, server, err := standin.Database(filepath.Join(cfg.Data, "shop.sqlite"))
	if err != nil {
		return err
	}
	c.standIns["db"] = server
	c.store = store.NewSQL(db)
	return nil
}

func (c *clients) connectCache(cfg config.Config) (err error) {
	url := cfg.RedisURL
	if url == "" {
		server, err := standin.Redis()
		if err != nil {
			return err
		}
		c.standIns["redis"] = server
		url = server.URL
	}
	c.cache, err = cache.NewRedis(url)
	return err
}

func (c *clients) connectArchive(cfg config.Config) error {
	s3 := archive.S3Config{
		Endpoint: cfg.S3Endpoint, Region: cfg.S3Region, Bucket: cfg.S3Bucket,
		AccessKey: cfg.S3AccessKey, SecretKey: cfg.S3SecretKey,
	}
	if s3.Bucket == "" {
		s3.Bucket, s3.AccessKey, s3.SecretKey = "retail", "stand-in", "stand-in"
		server, err := standin.S3(filepath.Join(cfg.Data, "objects.bolt"), s3.Bucket)
		if err != nil {
			return err
		}
		c.standIns["s3"] = server
		s3.Endpoint = server.URL
	}
	c.archive = archive.NewS3(s3)
	return nil
}

func (c *clients) connectAssistant(cfg config.Config) error {
	url := cfg.OpenAIURL
	key := cfg.OpenAIKey
	if cfg.EmbeddedOpenAI() {
		server, err := standin.OpenAI(cfg.OpenAIModel)
		if err != nil {
			return err
		}
		c.standIns["openai"] = server
		url, key = server.URL, "stand-in"
	}
	c.assistant = assistant.NewOpenAI(url, key, cfg.OpenAIModel)
	return nil
}

// close releases connections and stops the stand-ins, as far as they exist.
func (c *clients) close() error {
	var err error
	if c.store != nil {
		err = errors.Join(err, named("db", c.store.Close()))
	}
	if c.cache != nil {
		err = errors.Join(err, named("redis", c.cache.Close()))
	}
	for name, server := range c.standIns {
		err = errors.Join(err, named(name, server.Close()))
	}
	return err
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
