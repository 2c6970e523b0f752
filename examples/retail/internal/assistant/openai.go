package assistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/resilgo/resil/examples/retail/internal/retail"
	"github.com/resilgo/resil/examples/retail/internal/telemetry"
)

// OpenAI is the Assistant behind an OpenAI-compatible server. It is safe for
// concurrent use.
type OpenAI struct {
	client openai.Client
	model  string
}

// NewOpenAI returns a client of the server at baseURL (with its /v1). It dials
// nothing.
func NewOpenAI(baseURL, apiKey, model string) *OpenAI {
	return &OpenAI{
		client: openai.NewClient(
			option.WithBaseURL(baseURL),
			option.WithAPIKey(apiKey),
			option.WithHTTPClient(telemetry.Client()),
			// Retries are the guard's business. The SDK's own would multiply
			// with them and hide the failures from the breaker.
			option.WithMaxRetries(0),
		),
		model: model,
	}
}

// SuggestPrice returns the model's price for item.
func (o *OpenAI) SuggestPrice(ctx context.Context, item retail.Item) (retail.Suggestion, error) {
	text, err := o.ask(ctx,
		`You price items of a shop. Answer with JSON: {"price_cents": integer, "reason": "one short sentence"}.`,
		fmt.Sprintf("Item: %s\nDescription: %s\nCost in cents: %d", item.Name, item.Description, item.Cost))
	if err != nil {
		return retail.Suggestion{}, err
	}
	var answer struct {
		Price  retail.Cents `json:"price_cents"`
		Reason string       `json:"reason"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return retail.Suggestion{}, fmt.Errorf("price of %s: the model did not answer in JSON: %w", item.SKU, err)
	}
	// A model may say anything. A price below cost is no answer at all.
	if answer.Price < item.Cost {
		return retail.Suggestion{}, fmt.Errorf("price of %s: the model suggests %s, below cost %s", item.SKU, answer.Price, item.Cost)
	}
	return retail.Suggestion{SKU: item.SKU, Price: answer.Price, Reason: answer.Reason}, nil
}

// Enhance returns the model's description of item.
func (o *OpenAI) Enhance(ctx context.Context, item retail.Item) (string, error) {
	return o.ask(ctx,
		"You write product descriptions: two sentences, no superlatives.",
		fmt.Sprintf("Item: %s\nDescription: %s", item.Name, item.Description))
}

// Ping asks whether the server knows the model.
func (o *OpenAI) Ping(ctx context.Context) error {
	_, err := o.client.Models.Get(ctx, o.model)
	return refusal(err)
}

func (o *OpenAI) ask(ctx context.Context, system, user string) (string, error) {
	completion, err := o.client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: o.model,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(system),
			openai.UserMessage(user),
		},
	})
	if err != nil {
		return "", refusal(err)
	}
	if len(completion.Choices) == 0 || completion.Choices[0].Message.Content == "" {
		return "", errors.New("the model gave an empty answer")
	}
	return completion.Choices[0].Message.Content, nil
}

// errRefused marks a server that answers and will not serve: a wrong key, no
// permission, an unknown model. Other 4xx blame the request; these mean that
// no request can succeed, so the guard counts them as failures.
var errRefused = errors.New("the model's server refuses to serve")

func refusal(err error) error {
	var api *openai.Error
	if errors.As(err, &api) {
		switch api.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return err
}
