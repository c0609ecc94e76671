package directory

import (
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// maxRequests is where a test of cutting everywhere must have come to its end.
const maxRequests = 60

func (f *fake) app(id string) map[string]any {
	for _, a := range f.apps {
		if a["id"] == id && (f.total > a["born"].(int)+f.hidden) {
			return a
		}
	}
	return nil
}

func (f *fake) serveApplication(w http.ResponseWriter, r *http.Request, path []string) {
	switch {
	case len(path) == 0 && r.Method == http.MethodGet:
		name, value := f.filtered(r)
		var found []map[string]any
		for _, a := range f.apps {
			tags, _ := a["tags"].([]any)
			if name == "tags" && slices.Contains(tags, any(value)) || a[name] == value {
				found = append(found, a)
			}
		}
		reply(w, http.StatusOK, map[string]any{"value": f.seen(found)})
		return
	case len(path) == 0 && r.Method == http.MethodPost:
		body := f.read(r, "displayName", "signInAudience", "tags", "web", "requiredResourceAccess", "isFallbackPublicClient")
		app := map[string]any{
			"id": newID(), "appId": newID(), "createdDateTime": noon.Add(time.Duration(len(f.apps)) * time.Second).Format(time.RFC3339),
			"keyCredentials": []any{}, "passwordCredentials": []any{}, "publicClient": map[string]any{"redirectUris": []any{}},
			"spa": map[string]any{"redirectUris": []any{}}, "identifierUris": []any{}, "born": f.total, "deletedDateTime": nil,
		}
		maps.Copy(app, body)
		f.apps = append(f.apps, app)
		reply(w, http.StatusCreated, public(app))
		return
	}
	app := f.app(path[0])
	if app == nil {
		absent(w, path[0])
		return
	}
	switch action := append(path, "")[1]; {
	case action == "" && r.Method == http.MethodGet:
		reply(w, http.StatusOK, public(app))
	case action == "" && r.Method == http.MethodDelete:
		f.apps = slices.DeleteFunc(f.apps, func(a map[string]any) bool { return a["id"] == app["id"] })
		for _, p := range app["passwordCredentials"].([]any) {
			delete(f.secrets, p.(map[string]any)["keyId"].(string))
		}
		f.deletePrincipal(app["appId"])
		w.WriteHeader(http.StatusNoContent)
	case action == "" && r.Method == http.MethodPatch:
		f.patchApplication(w, r, app)
	case action == "addPassword" && r.Method == http.MethodPost:
		f.addPassword(w, r, app)
	case action == "removePassword" && r.Method == http.MethodPost:
		keyID, _ := f.read(r, "keyId")["keyId"].(string)
		list := app["passwordCredentials"].([]any)
		left := slices.DeleteFunc(slices.Clone(list), func(p any) bool { return p.(map[string]any)["keyId"] == keyID })
		if len(left) == len(list) {
			refuse(w, http.StatusBadRequest, "Request_BadRequest", "No password credential found with keyId.")
			return
		}
		app["passwordCredentials"] = left
		delete(f.secrets, keyID)
		w.WriteHeader(http.StatusNoContent)
	case action == "federatedIdentityCredentials":
		f.serveFederated(w, r, app["id"].(string), path[2:])
	default:
		f.t.Errorf("nothing is served at %s %s", r.Method, r.URL.Path)
	}
}

func (f *fake) patchApplication(w http.ResponseWriter, r *http.Request, app map[string]any) {
	body := f.read(r, "displayName", "signInAudience", "tags", "web", "requiredResourceAccess", "isFallbackPublicClient", "keyCredentials")
	if keys, ok := body["keyCredentials"].([]any); ok {
		list, err := f.keys(app, keys)
		if err != "" {
			refuse(w, http.StatusBadRequest, "KeyCredentialsInvalidValue", err)
			return
		}
		body["keyCredentials"] = list
	}
	maps.Copy(app, body)
	w.WriteHeader(http.StatusNoContent)
}

// keys is what a change of the certificates leaves: known ones as they were,
// new ones with an id of their own.
func (f *fake) keys(app map[string]any, keys []any) ([]any, string) {
	list := []any{}
	for _, k := range keys {
		key := k.(map[string]any)
		if id, ok := key["keyId"].(string); ok {
			old := slices.IndexFunc(app["keyCredentials"].([]any), func(o any) bool { return o.(map[string]any)["keyId"] == id })
			if old < 0 || key["key"] != nil || key["endDateTime"] != app["keyCredentials"].([]any)[old].(map[string]any)["endDateTime"] {
				return nil, "Update to existing credential with KeyId '" + id + "' is not allowed."
			}
			list = append(list, app["keyCredentials"].([]any)[old])
			continue
		}
		der, err := base64.StdEncoding.DecodeString(fmt.Sprint(key["key"]))
		if err != nil {
			return nil, "the key is not base64"
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil || key["type"] != "AsymmetricX509Cert" || key["usage"] != "Verify" {
			return nil, "the key is not a certificate for verifying"
		}
		sum := sha1.Sum(der)
		if key["customKeyIdentifier"] != base64.StdEncoding.EncodeToString(sum[:]) {
			return nil, "the identifier is not the thumbprint"
		}
		for name, want := range map[string]time.Time{"startDateTime": cert.NotBefore, "endDateTime": cert.NotAfter} {
			if got, err := time.Parse(time.RFC3339, fmt.Sprint(key[name])); err != nil || !got.Equal(want) {
				return nil, name + " is invalid"
			}
		}
		added := maps.Clone(key)
		added["key"], added["keyId"], added["extra"] = nil, newID(), "kept as it is"
		list = append(list, added)
	}
	return list, ""
}

func (f *fake) addPassword(w http.ResponseWriter, r *http.Request, app map[string]any) {
	in, _ := f.read(r, "passwordCredential")["passwordCredential"].(map[string]any)
	text := fmt.Sprintf("%c%dQ~%s", 'a'+rune(len(f.issued)), len(f.issued), newID())
	made := map[string]any{
		"keyId": newID(), "displayName": in["displayName"], "hint": text[:3], "customKeyIdentifier": nil,
		"startDateTime": noon.Format("2006-01-02T15:04:05.0000000Z"), "endDateTime": in["endDateTime"], "secretText": nil,
	}
	app["passwordCredentials"] = append(app["passwordCredentials"].([]any), made)
	f.secrets[made["keyId"].(string)] = text
	f.issued = append(f.issued, text)
	shown := maps.Clone(made)
	shown["secretText"] = text
	reply(w, http.StatusOK, shown)
}

func (f *fake) serveFederated(w http.ResponseWriter, r *http.Request, id string, path []string) {
	at := -1
	if len(path) > 0 {
		at = slices.IndexFunc(f.federated[id], func(o map[string]any) bool { return o["id"] == path[0] })
		if at < 0 {
			absent(w, path[0])
			return
		}
	}
	switch {
	case at < 0 && r.Method == http.MethodGet:
		reply(w, http.StatusOK, map[string]any{"value": f.seen(f.federated[id])})
	case at < 0 && r.Method == http.MethodPost:
		body := f.read(r, "name", "issuer", "subject", "audiences", "description")
		if slices.ContainsFunc(f.federated[id], func(o map[string]any) bool { return o["name"] == body["name"] }) {
			refuse(w, http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with name "+fmt.Sprint(body["name"])+" already exists.")
			return
		}
		body["id"] = newID()
		f.federated[id] = append(f.federated[id], body)
		reply(w, http.StatusCreated, body)
	case at >= 0 && r.Method == http.MethodPatch:
		maps.Copy(f.federated[id][at], f.read(r, "issuer", "subject", "audiences", "description"))
		w.WriteHeader(http.StatusNoContent)
	case at >= 0 && r.Method == http.MethodDelete:
		f.federated[id] = slices.Delete(f.federated[id], at, at+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		f.t.Errorf("nothing is served at %s %s", r.Method, r.URL.Path)
	}
}
