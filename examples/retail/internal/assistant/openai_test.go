package assistant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/resilgo/resil/examples/retail/internal/retail"
	"github.com/resilgo/resil/examples/retail/internal/standin"
)

var mug = retail.Item{SKU: "mug", Name: "Mug", Description: "Holds tea", Cost: 400, Price: 750}

func stub(t *testing.T) (*OpenAI, *standin.Switch) {
	t.Helper()
	server, err := standin.OpenAI("small")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewOpenAI(server.URL, "key", "small"), server.Switch
}

func TestStandIn(t *testing.T) {
	o, _ := stub(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := o.Ping(ctx); err != nil {
		t.Error(err)
	}
	got, err := o.SuggestPrice(ctx, mug)
	if err != nil || got.SKU != "mug" || got.Price <= retail.BasicPrice(mug.Cost) || got.Reason == "" {
		t.Errorf("SuggestPrice = %+v, %v, want more than the basic price and a reason", got, err)
	}
	text, err := o.Enhance(ctx, mug)
	if err != nil || !strings.HasPrefix(text, "Mug") || text == mug.Description {
		t.Errorf("Enhance = %q, %v, want a text of its own about the mug", text, err)
	}
}

func TestAHangingModelGivesWayToTheDeadline(t *testing.T) {
	o, outage := stub(t)
	outage.Set(standin.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := o.SuggestPrice(ctx, mug); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
}

// saying returns a model that always says the same.
func saying(t *testing.T, status int, body string) (*OpenAI, *atomic.Int32) {
	t.Helper()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return NewOpenAI(server.URL+"/v1", "key", "small"), &calls
}

func completion(content string) string {
	return fmt.Sprintf(`{"choices":[{"index":0,"message":{"role":"assistant","content":%q}}]}`, content)
}

func TestWhatAModelSaysIsNotTrusted(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON":            completion("about seven euros"),
		"a price below cost": completion(`{"price_cents": 399, "reason": "sale"}`),
		"an empty answer":    completion(""),
		"no answer":          `{"choices":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := saying(t, http.StatusOK, body)
			if got, err := o.SuggestPrice(t.Context(), mug); err == nil {
				t.Errorf("accepted as %+v", got)
			}
		})
	}
}

func TestAServerThatRefusesToServeCountsAsDown(t *testing.T) {
	const text = `{"error":{"message":"no","type":"t","code":"c"}}`
	for status, refused := range map[int]bool{
		http.StatusUnauthorized:        true,
		http.StatusForbidden:           true,
		http.StatusNotFound:            true,
		http.StatusBadRequest:          false,
		http.StatusInternalServerError: false,
	} {
		o, calls := saying(t, status, text)
		_, err := o.Enhance(t.Context(), mug)
		if err == nil || errors.Is(err, errRefused) != refused {
			t.Errorf("status %d: %v, refused should be %v", status, err, refused)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("status %d: %d calls, want one: the SDK retries", status, n)
		}
	}
}

func TestFallbacksNeedNobody(t *testing.T) {
	price, err := basicPrice(t.Context(), mug)
	if err != nil || price.Price != 520 || price.Reason != "cost plus 30 %" {
		t.Errorf("basicPrice = %+v, %v, want 400 plus 30 %%", price, err)
	}
	if text, err := plainDescription(t.Context(), mug); err != nil || text != "Holds tea" {
		t.Errorf("plainDescription = %q, %v", text, err)
	}
	if text, err := plainDescription(t.Context(), retail.Item{Name: "Hat"}); err != nil || text != "Hat" {
		t.Errorf("without a description: %q, %v, want the name", text, err)
	}
}
