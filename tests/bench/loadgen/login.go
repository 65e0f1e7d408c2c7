package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Login returns an access token; it is valid for minutes only.
func Login(ctx context.Context, url, username, password string) (string, error) {
	var tokens struct {
		Access string `json:"access_token"`
	}
	err := PostJSON(ctx, url+"/api/auth/token", "", map[string]string{"username": username, "password": password}, &tokens)
	return tokens.Access, err
}

// PostJSON posts one value and reads another; statuses of 300 and more are
// errors. Without authorization no such header is sent.
func PostJSON(ctx context.Context, url, authorization string, value, into any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding for %s: %w", url, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("posting to %s: %s: %s", url, response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}
