package config

import (
	"strings"
	"testing"
)

func load(env map[string]string) (Config, error) {
	return Load(func(key string) string { return env[key] })
}

func TestNothingSetMeansStandIns(t *testing.T) {
	c, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL != "" || c.RedisURL != "" || c.S3Bucket != "" || !c.EmbeddedOpenAI() {
		t.Errorf("an empty environment names real servers: %+v", c)
	}
	if c.Addr != "127.0.0.1:8080" || c.AdminAddr != "127.0.0.1:8081" {
		t.Errorf("addresses are %s and %s, want loopback", c.Addr, c.AdminAddr)
	}
}

func TestRealServersAreNamedByEnvironment(t *testing.T) {
	c, err := load(map[string]string{
		"RETAIL_DATABASE_URL": "postgres://u:p@db/shop", "RETAIL_REDIS_URL": "redis://cache:6379",
		"RETAIL_S3_BUCKET": "shop", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "OPENAI_API_KEY": "k",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.OpenAIURL != "https://api.openai.com/v1" {
		t.Errorf("OpenAIURL = %q, want OpenAI's own", c.OpenAIURL)
	}
}

func TestAllMistakesAreReportedAtOnceAndNoSecret(t *testing.T) {
	_, err := load(map[string]string{
		"RETAIL_DATABASE_URL": "mysql://root:hunter2@db/shop",
		"RETAIL_REDIS_URL":    "cache:6379",
		"RETAIL_S3_ENDPOINT":  "http://s3",
	})
	if err == nil {
		t.Fatal("a wrong environment was accepted")
	}
	for _, want := range []string{"RETAIL_DATABASE_URL", "RETAIL_REDIS_URL", "RETAIL_S3_BUCKET"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q shows a password", err)
	}
}
