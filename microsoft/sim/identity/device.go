package identity

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// device is a device that waits for a person to let it in
// (Entra: v2-oauth2-device-code).
type device struct {
	code, userCode  string
	version         version
	place           place
	app             *App
	resource, scope string
	expires         time.Time

	mu       sync.Mutex
	decided  bool
	user     *account // nil after the decision: declined
	tenant   *Tenant
	since    time.Time // when the person signed in
	redeemed bool
}

// devicePoll is how long a device should wait between two polls.
const devicePoll = 5 * time.Second

// decide records the person's answer; the first counts.
func (d *device) decide(user *account, tenant *Tenant, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.decided {
		d.decided, d.user, d.tenant, d.since = true, user, tenant, since
	}
}

// open reports whether a person may still answer.
func (d *device) open(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.decided && now.Before(d.expires)
}

// deviceCode serves the endpoint where a device gets its codes.
func (s *Server) deviceCode(v version) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, e := s.newDevice(w, r, v)
		if e != nil {
			s.refuse(w, r, e)
			return
		}
		s.devices.put(d.code, d)
		s.userCode.put(d.userCode, d)
		page := s.baseURL(r) + "/devicelogin"
		body := map[string]any{
			"device_code": d.code, "user_code": d.userCode,
			"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, d.userCode),
		}
		life, poll := int(deviceLife/time.Second), int(devicePoll/time.Second)
		if v == v1 {
			body["verification_url"], body["expires_in"], body["interval"] = page, fmt.Sprint(life), fmt.Sprint(poll)
		} else {
			body["verification_uri"], body["expires_in"], body["interval"] = page, life, poll
		}
		noStore(w.Header())
		writeJSON(w, http.StatusOK, body)
	}
}

func (s *Server) newDevice(w http.ResponseWriter, r *http.Request, v version) (*device, *Error) {
	if e := readForm(w, r); e != nil {
		return nil, e
	}
	if e := checkSize(r.Form); e != nil {
		return nil, e
	}
	p, e := s.place(r)
	if e != nil {
		return nil, e
	}
	app, e := s.visiting(r.Form.Get("client_id"), p)
	if e != nil {
		return nil, e
	}
	d := &device{
		code: "1.A" + random(40), userCode: newUserCode(), version: v, place: p, app: app,
		resource: r.Form.Get("resource"), scope: r.Form.Get("scope"), expires: s.now().Add(deviceLife),
	}
	if v == v1 {
		if d.resource == "" {
			return nil, missing("resource")
		}
		_, e = s.parseResource(d.resource, p.name)
		return d, e
	}
	if r.Form.Has("resource") {
		return nil, AADSTS(901002)
	}
	if d.scope == "" {
		return nil, missing("scope")
	}
	_, e = s.parseScope(d.scope, app, p.name)
	return d, e
}

// userCodeLetters leaves out what people misread.
const userCodeLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

func newUserCode() string {
	b := make([]byte, 9)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = userCodeLetters[int(b[i])%len(userCodeLetters)]
	}
	return string(b)
}

// deviceLogin is the page where a person types the code that a device shows.
func (s *Server) deviceLogin(w http.ResponseWriter, r *http.Request) {
	s.show(w, http.StatusOK, "device", devicePage{Code: r.URL.Query().Get("otc")})
}

func (s *Server) deviceLoginCode(w http.ResponseWriter, r *http.Request) {
	if e := readForm(w, r); e != nil {
		s.showError(w, r, e)
		return
	}
	typed := strings.ToUpper(strings.Join(strings.Fields(r.PostForm.Get("otc")), ""))
	d, ok := s.userCode.get(typed)
	if !ok || !d.open(s.now()) {
		e := AADSTS(70018).say("That code didn't work. Check the code and try again: it may have expired.")
		s.show(w, http.StatusOK, "device", devicePage{Code: typed, Problem: e.sentence()})
		return
	}
	f := &flow{purpose: toDevice, version: d.version, place: d.place, app: d.app, device: d, resource: d.resource, scope: d.scope}
	var e *Error
	if d.version == v1 {
		f.request, e = s.readResource(f)
	} else {
		f.request, e = s.parseScope(d.scope, d.app, d.place.name)
	}
	if e != nil {
		s.showError(w, r, e)
		return
	}
	s.step(w, r, f)
}

// pollDevice is the device code grant. v1 and v2 name its errors differently.
func (s *Server) pollDevice(r *http.Request, p place, v version) (map[string]any, *Error) {
	name := r.PostForm.Get("device_code")
	if name == "" {
		name = r.PostForm.Get("code")
	}
	if name == "" {
		return nil, missing("device_code")
	}
	cl, e := s.authenticate(r, p, v, forPerson)
	if e != nil {
		return nil, e
	}
	d, ok := s.devices.get(name)
	if !ok || d.app.ClientID != cl.app.ClientID || d.version != v {
		return nil, AADSTS(70018)
	}
	if e := d.answer(s.now(), v); e != nil {
		return nil, e
	}
	if s.reaches(p, *d.user).ID != d.tenant.ID {
		return nil, AADSTS(700005)
	}
	q, last, e := s.want(r, v, cl.app, d.tenant, d.resource, d.scope)
	if e != nil {
		return nil, e
	}
	first, e := s.consented(v, cl.app, d.tenant, d.scope)
	if e != nil {
		return nil, e
	}
	if !d.redeem() {
		return nil, AADSTS(70018)
	}
	return s.personTokens(r, grantee{
		version: v, client: cl, user: *d.user, tenant: d.tenant, request: q, last: last, since: d.since,
		keep:   v == v1 || first.wants("offline_access") || q.wants("offline_access"),
		openID: v == v1 || first.wants("openid") || q.wants("openid"),
	})
}

// answer tells a polling device how things stand; nil: the person said yes.
func (d *device) answer(now time.Time, v version) *Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.redeemed:
		return AADSTS(70018)
	case d.decided && d.user == nil:
		if v == v1 {
			return AADSTS(65004)
		}
		return AADSTS(65004).named("authorization_declined")
	case d.decided:
		return nil
	case !now.Before(d.expires):
		if v == v1 {
			return AADSTS(70019).named("code_expired")
		}
		return AADSTS(70019)
	}
	return AADSTS(70016)
}

// redeem gives the device its tokens once.
func (d *device) redeem() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.redeemed {
		return false
	}
	d.redeemed = true
	return true
}
