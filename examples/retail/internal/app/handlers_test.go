package app_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestItems(t *testing.T) {
	s := open(t, quick())
	t.Run("an item without a price gets the basic one", func(t *testing.T) {
		s := s.on(t)
		s.get("/items/mug").wants(http.StatusOK).is("price_cents", 520).is("", "")
	})
	t.Run("an item is added once", func(t *testing.T) {
		s := s.on(t)
		s.post("/items", `{"sku": "mug", "name": "Mug", "cost_cents": 400}`).wants(http.StatusConflict)
	})
	t.Run("what is not an item is refused", func(t *testing.T) {
		s := s.on(t)
		for _, body := range []string{"", "[]", `{"sku": "x"}`, `{"sku": "x", "name": "X", "cost_cents": 1, "colour": "red"}`, `{} {}`} {
			s.post("/items", body).wants(http.StatusBadRequest)
		}
	})
	t.Run("an unknown item is not found", func(t *testing.T) {
		s := s.on(t)
		s.get("/items/hat").wants(http.StatusNotFound)
		s.get("/items/hat/stock").wants(http.StatusNotFound)
		s.get("/items/hat/price-suggestion").wants(http.StatusNotFound)
		s.get("/items/hat/description").wants(http.StatusNotFound)
	})
	t.Run("items come in pages", func(t *testing.T) {
		s := s.on(t)
		if got := s.get("/items?limit=1").wants(http.StatusOK).text; !strings.Contains(got, `"sku":"mug"`) {
			t.Errorf("first page is %s", got)
		}
		if got := s.get("/items?after=mug").wants(http.StatusOK).text; strings.TrimSpace(got) != "[]" {
			t.Errorf("the page after the last item is %s", got)
		}
		s.get("/items?limit=0").wants(http.StatusBadRequest)
		s.get("/items?limit=many").wants(http.StatusBadRequest)
	})
	t.Run("the second look comes from the cache", func(t *testing.T) {
		s := s.on(t)
		s.set("refuse", "db")
		defer s.set("none", "db")
		s.get("/items/mug").wants(http.StatusOK).is("", "")
	})
}

func TestStock(t *testing.T) {
	s := open(t, quick())
	s.get("/items/mug/stock").wants(http.StatusOK).is("on_hand", 100)
	s.post("/items/mug/stock", `{"quantity": 5}`).wants(http.StatusOK).is("on_hand", 105)
	s.post("/items/mug/stock", `{"quantity": 0}`).wants(http.StatusBadRequest)
	s.post("/items/hat/stock", `{"quantity": 1}`).wants(http.StatusNotFound)
}

func TestSales(t *testing.T) {
	s := open(t, quick())
	t.Run("an order sent twice is one sale", func(t *testing.T) {
		s := s.on(t)
		for range 2 {
			s.order("first", 3).wants(http.StatusCreated).is("total_cents", 1560).is("receipt", "stored")
		}
		s.get("/items/mug/stock").is("on_hand", 97)
	})
	t.Run("the same key for another order is a conflict", func(t *testing.T) {
		s := s.on(t)
		s.order("first", 4).wants(http.StatusConflict)
	})
	t.Run("more than there are cannot be sold", func(t *testing.T) {
		s := s.on(t)
		s.order("greedy", 98).wants(http.StatusConflict).is("error", "out of stock")
	})
	t.Run("an order without a key works", func(t *testing.T) {
		s := s.on(t)
		s.post("/sales", `{"sku": "mug", "quantity": 1}`).wants(http.StatusCreated)
	})
	t.Run("nonsense is refused", func(t *testing.T) {
		s := s.on(t)
		s.order("none", 0).wants(http.StatusBadRequest)
		s.order("a b", 1).wants(http.StatusBadRequest)
		s.post("/sales", `{"sku": "hat", "quantity": 1}`).wants(http.StatusNotFound)
	})
	t.Run("sales are listed, the oldest first", func(t *testing.T) {
		s := s.on(t)
		got := s.get("/sales?limit=1").wants(http.StatusOK).text
		if !strings.Contains(got, `"id":"first"`) {
			t.Errorf("the first page is %s", got)
		}
		s.get("/sales?after=first&limit=1").wants(http.StatusOK)
	})
	t.Run("each sale has its receipt", func(t *testing.T) {
		s := s.on(t)
		if got := s.get("/sales/first/receipt").wants(http.StatusOK).text; !strings.HasPrefix(got, "RECEIPT first\n") {
			t.Errorf("the receipt is %q", got)
		}
		s.get("/sales/unknown/receipt").wants(http.StatusNotFound)
	})
}

func TestAssistance(t *testing.T) {
	s := open(t, quick())
	price := s.get("/items/mug/price-suggestion").wants(http.StatusOK).is("", "")
	if cents, isNumber := price.body["price_cents"].(float64); !isNumber || cents <= 520 {
		t.Errorf("the model suggests %v, want more than the basic price", price.body)
	}
	s.get("/items/mug/description").wants(http.StatusOK).is("", "").
		is("description", "Mug for every day, made to be used and easy to care for. It does one thing and does it well.")
}

func TestExports(t *testing.T) {
	s := open(t, quick())
	for _, id := range []string{"a", "b", "c"} {
		s.order(id, 1).wants(http.StatusCreated)
	}
	export := s.post("/exports", "").wants(http.StatusCreated).is("sales", 3).is("filed", "stored")
	name, _ := export.body["name"].(string)
	csv := s.get("/exports/" + name).wants(http.StatusOK).text
	if lines := strings.Split(strings.TrimSpace(csv), "\n"); len(lines) != 4 || lines[0] != "id,sku,quantity,total_cents,at" {
		t.Errorf("the export is %q", csv)
	}
	s.get("/exports/none.csv").wants(http.StatusNotFound)
}

func TestStatus(t *testing.T) {
	s := open(t, quick())
	status := s.get("/status").wants(http.StatusOK).is("level", "optimal").is("score", 100)
	if dependencies, isList := status.body["dependencies"].([]any); !isList || len(dependencies) != 4 {
		t.Errorf("dependencies are %v, want four", status.body["dependencies"])
	}
	s.get("/healthz").wants(http.StatusOK)
	s.get("/readyz").wants(http.StatusOK).is("status", "pass")
	if got := s.get("/nothing"); got.status != http.StatusNotFound {
		t.Errorf("an unknown path answers %d", got.status)
	}
}
