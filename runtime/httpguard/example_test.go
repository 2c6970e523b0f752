package httpguard_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	resil "github.com/resilgo/resil/runtime"
	"github.com/resilgo/resil/runtime/httpguard"
)

func ExampleNew() {
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer sick.Close()
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: httpguard.New(sys, nil, httpguard.Config{Default: httpguard.Policies{
		Breaker: &resil.Breaker{Failures: 2},
		Timeout: resil.Timeout{Attempt: 30 * time.Second},
	}})}
	for range 3 {
		resp, err := client.Get(sick.URL)
		if err != nil {
			fmt.Println("open:", errors.Is(err, resil.ErrOpen))
			continue
		}
		fmt.Println(resp.Status)
		_ = resp.Body.Close()
	}
	// Output:
	// 502 Bad Gateway
	// 502 Bad Gateway
	// open: true
}

func ExampleServer_Route() {
	sys, err := resil.New(resil.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httpguard.NewServer(sys, httpguard.ServerConfig{})
	tips := server.Route(httpguard.Route{Until: resil.Degraded}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "you may also like")
	}))
	if err := sys.Force(resil.Limited, 20*time.Second, "drill"); err != nil {
		fmt.Println(err)
	}
	w := httptest.NewRecorder()
	tips.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/tips", nil))
	fmt.Println(w.Code, w.Header().Get("Resil-Level"), w.Header().Get("Retry-After"))
	// Output:
	// 503 limited 20
}
