package keyservice

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"tributary"
	"tributary/vault"
	"tributary/vault/keyservice/transit"
)

// The client reads its variables once in a process, so one test has them all.
func TestHashiCorpVault(t *testing.T) {
	service := &transit.Server{Key: "tributary", Token: "hunter2"}
	broken := http.NewServeMux()
	broken.HandleFunc("/v1/transit/encrypt/nothing", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	broken.Handle("/", service)
	server := httptest.NewServer(broken)
	defer server.Close()
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", service.Token)
	open := func(url string) *Service {
		t.Helper()
		s, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	f := vault.KeyFile{Path: filepath.Join(t.TempDir(), "key"), Keeper: open("hashivault://tributary")}
	if err := f.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, err := f.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Keys(t.Context())
	if err != nil || again[0].ID() != one[0].ID() {
		t.Errorf("%v and %v, %v", one, again, err)
	}
	if seen := service.Seen(); len(seen) != 1 {
		t.Errorf("the service sealed %d keys", len(seen))
	}

	service.Down(true)
	_, err = f.Keys(t.Context())
	if e := tributary.AsError(err); e == nil || e.Code != vault.CodeKeyService || !strings.Contains(err.Error(), "Vault is sealed") {
		t.Errorf("a sealed vault: %v", err)
	}
	service.Down(false)
	if _, err := open("hashivault://elsewhere").Encrypt(t.Context(), bytes.Repeat([]byte{1}, 32)); err == nil {
		t.Error("a key that isn't there sealed")
	}
	if _, err := open("hashivault://nothing").Encrypt(t.Context(), bytes.Repeat([]byte{1}, 32)); err == nil || strings.Contains(err.Error(), "panic") {
		t.Errorf("an empty answer: %v", err)
	}
	service.Token = "another"
	if _, err := f.Keys(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a wrong token: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"awskms://hunter2", "hunter2", "hashivault://a?b=c"} {
		_, err := Open(t.Context(), url)
		if e := tributary.AsError(err); e == nil || e.Code != CodeAddress || e.Next == "" {
			t.Errorf("%s: %v", url, err)
		}
	}
}
