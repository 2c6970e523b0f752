package demo

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/resilgo/resil/examples/retail/internal/app"
	"github.com/resilgo/resil/examples/retail/internal/config"
	"github.com/resilgo/resil/examples/retail/internal/standin"
)

func TestWhoeverServesTheDemoCanBreakIt(t *testing.T) {
	folder := t.TempDir()
	cfg, err := config.Load(func(key string) string {
		if key == "RETAIL_DATA" {
			return folder
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := app.New(cfg, policies(true))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	handler := withSwitches(service)
	for _, test := range []struct {
		path   string
		status int
		redis  standin.Fault // afterwards
	}{
		{"/demo/redis/refuse", http.StatusOK, standin.Refuse},
		{"/demo/redis/hang", http.StatusOK, standin.Hang},
		{"/demo/redis/explode", http.StatusNotFound, standin.Hang},
		{"/demo/kafka/refuse", http.StatusNotFound, standin.Hang},
		{"/demo/redis/restart", http.StatusOK, standin.None},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, test.path, http.NoBody))
		if got := service.Switches()["redis"].Fault(); w.Code != test.status || got != test.redis {
			t.Errorf("POST %s: %d, redis: %s; want %d, %s", test.path, w.Code, got, test.status, test.redis)
		}
	}
}

func TestTheSourceMustBeHereToBePrepared(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Prepare(t.Context(), io.Discard); err == nil {
		t.Error("an empty folder was prepared")
	}
}
