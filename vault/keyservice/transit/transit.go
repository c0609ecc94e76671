// Package transit is a test bed: the two calls of HashiCorp Vault's transit
// engine that a key service is used for.
// https://developer.hashicorp.com/vault/api-docs/secret/transit
package transit

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"tributary/vault"
)

// Server answers PUT /v1/transit/encrypt/<Key> and /decrypt/<Key>.
type Server struct {
	Key   string // the name of the transit key
	Token string // what X-Vault-Token must be

	once sync.Once
	seal *vault.Vault
	mu   sync.Mutex
	down bool
	all  []string // plaintexts, as base64
}

// Down makes it answer as a sealed HashiCorp Vault does.
func (s *Server) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Seen lists what it was given to seal, as base64.
func (s *Server) Seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.all...)
}

const prefix = "vault:v1:"

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(func() { s.seal, _ = vault.ParseKey(vault.NewKey().Reveal()) })
	s.mu.Lock()
	defer s.mu.Unlock()
	var body struct{ Plaintext, Ciphertext string }
	switch {
	case s.down:
		answer(w, http.StatusBadRequest, map[string]any{"errors": []string{"Vault is sealed"}})
	case r.Header.Get("X-Vault-Token") != s.Token:
		answer(w, http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
	case r.Method != http.MethodPut && r.Method != http.MethodPost:
		answer(w, http.StatusMethodNotAllowed, map[string]any{"errors": []string{}})
	case json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) != nil:
		answer(w, http.StatusBadRequest, map[string]any{"errors": []string{"failed to parse JSON input"}})
	case r.URL.Path == "/v1/transit/encrypt/"+s.Key:
		s.all = append(s.all, body.Plaintext)
		sealed, err := s.seal.Seal(s.Key, []byte(body.Plaintext))
		if err != nil {
			answer(w, http.StatusInternalServerError, map[string]any{"errors": []string{err.Error()}})
			return
		}
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"ciphertext": prefix + base64.StdEncoding.EncodeToString(sealed)}})
	case r.URL.Path == "/v1/transit/decrypt/"+s.Key:
		sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(body.Ciphertext, prefix))
		plain := []byte(nil)
		if err == nil {
			plain, err = s.seal.Open(s.Key, sealed)
		}
		if err != nil {
			answer(w, http.StatusBadRequest, map[string]any{"errors": []string{"invalid ciphertext: unable to decrypt"}})
			return
		}
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"plaintext": string(plain)}})
	default:
		answer(w, http.StatusNotFound, map[string]any{"errors": []string{}})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
