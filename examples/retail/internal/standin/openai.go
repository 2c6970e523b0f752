package standin

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// thinking is how long the stub takes for an answer. A real model takes
// longer; this is enough to see that it is the slowest of the four.
const thinking = 40 * time.Millisecond

// openAIStub returns the part of the OpenAI API that the shop uses.
func openAIStub(model string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models/{model}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("model") != model {
			apiError(w, http.StatusNotFound, "model_not_found", "The model does not exist")
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"id": model, "object": "model", "created": 0, "owned_by": "stub"})
	})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Model    string
			Messages []struct{ Role, Content string }
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request); err != nil || len(request.Messages) == 0 {
			apiError(w, http.StatusBadRequest, "invalid_request", "messages are missing")
			return
		}
		select {
		case <-time.After(thinking):
		case <-r.Context().Done():
			return
		}
		question := request.Messages[len(request.Messages)-1].Content
		writeJSON(w, http.StatusOK, map[string]any{
			"id": "chatcmpl-stub", "object": "chat.completion", "created": 0, "model": model,
			"choices": []any{map[string]any{
				"index": 0, "finish_reason": "stop",
				"message": map[string]any{"role": "assistant", "content": answer(request.Messages[0].Content, question)},
			}},
			"usage": map[string]any{"prompt_tokens": 50, "completion_tokens": 20, "total_tokens": 70},
		})
	})
	return mux
}

var (
	itemLine = regexp.MustCompile(`(?m)^Item: (.*)$`)
	costLine = regexp.MustCompile(`(?m)^Cost in cents: (\d+)$`)
)

// answer plays the model: the same question always gets the same answer.
func answer(system, question string) string {
	name := "this item"
	if m := itemLine.FindStringSubmatch(question); m != nil {
		name = m[1]
	}
	cost := costLine.FindStringSubmatch(question)
	if cost == nil || !strings.Contains(system, "price") {
		return fmt.Sprintf("%s for every day, made to be used and easy to care for. It does one thing and does it well.", name)
	}
	cents, _ := strconv.Atoi(cost[1]) // digits, by the expression
	hash := fnv.New32a()
	hash.Write([]byte(name))
	margin := 35 + int(hash.Sum32()%30) // percent
	reply, _ := json.Marshal(map[string]any{
		"price_cents": (cents*(100+margin)/100/10)*10 + 9,
		"reason":      fmt.Sprintf("similar items sell at a margin of about %d %%", margin),
	})
	return string(reply)
}

func apiError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"message": message, "type": "invalid_request_error", "code": code}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}
