package admin_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/admin"
)

func ExampleNew() {
	quiet := slog.New(slog.DiscardHandler)
	sys, err := resil.New(resil.Config{Logger: quiet})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler, err := admin.New(sys, admin.Config{Authorize: admin.BearerToken("ops", "secret"), Logger: quiet})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(method, path, token, body string) {
		r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(method, path, w.Code)
	}
	drill := `{"level":"limited","ttl":"10m","reason":"drill"}`
	ask(http.MethodGet, "/healthz", "", "")
	ask(http.MethodPost, "/api/force/level", "", drill)
	ask(http.MethodPost, "/api/force/level", "secret", drill)
	fmt.Println(sys.Level())
	// Output:
	// GET /healthz 200
	// POST /api/force/level 401
	// POST /api/force/level 204
	// limited
}
