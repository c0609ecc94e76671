package alerts

// act is what happened to an alert to make a new version of it.
type act uint8

const (
	actAssign act = iota
	actComment
	actRaise
	actLower
	actEvidence // an automated investigation moved on
	actMerge    // the alert went to another incident
	actResolve
	actReopen
)

// step is one version after the first.
type step struct {
	updated int64 // service's clock
	act     act
}

// state is what people and automation made of an alert up to one version.
type state struct {
	severity       level
	status         int // index into the status names
	assigned       string
	classification int // index, 0: none
	determination  int
	investigation  int
	comments       []comment
	resolved       int64
	remediated     bool
	incidentMoves  int64
}

type comment struct {
	text, by string
	at       int64
}

var (
	graphStatuses = [...]string{"new", "inProgress", "resolved"}
	oldStatuses   = [...]string{"New", "InProgress", "Resolved"}

	graphClasses = [...]string{"", "truePositive", "falsePositive", "informationalExpectedActivity"}
	oldClasses   = [...]string{"", "TruePositive", "FalsePositive", "InformationalExpectedActivity"}

	graphDeterminations = [...]string{"", "malware", "phishing", "compromisedAccount", "multiStagedAttack", "notMalicious", "notEnoughDataToValidate", "securityTesting", "confirmedActivity"}
	oldDeterminations   = [...]string{"", "Malware", "Phishing", "CompromisedUser", "MultiStagedAttack", "Clean", "InsufficientData", "SecurityTesting", "ConfirmedUserActivity"}

	graphInvestigations = [...]string{"unsupportedAlertType", "queued", "running", "pendingApproval", "benign", "successfullyRemediated", "terminatedBySystem"}
	oldInvestigations   = [...]string{"UnsupportedAlertType", "Queued", "Running", "PendingApproval", "Benign", "SuccessfullyRemediated", "TerminatedBySystem"}
)

// determinationsOf are the determinations that fit a classification.
var determinationsOf = [...][]int{{0}, {1, 2, 3, 4}, {5, 6}, {7, 8}}

var remarks = []string{
	"Checked with the user – \"it was me\", she said.\nNo further action.",
	"已确认：误报。",
	"Anwender bestätigt; Gerät war isoliert, ist wieder frei ✔",
	"See C:\\Cases\\2026\\11\\notes.txt for the timeline.",
	"Escalated to tier 2.",
	"Même fichier sur trois postes : analyse en cours…",
	"Ticket #48213: waiting for the customer's reply\t(2nd reminder)",
}

// nextAct chooses what happens next to an alert in that state.
func nextAct(d *draw, seq int, last bool) act {
	if last && d.chance(0.6) {
		return actResolve
	}
	acts := []act{actAssign, actAssign, actComment, actComment, actEvidence, actRaise, actLower, actMerge}
	if seq > 3 && d.chance(0.1) {
		return actReopen
	}
	return pick(d, acts)
}

// stateOf tells an alert's state at a version; the first is 1. What was set
// and said depends on the seed, the alert and the version's number alone.
func (s *Set) stateOf(n int, a alert, seq int, history []step) state {
	k := &kinds[a.kind]
	d := newDraw(s.seed, streamStep, uint64(n))
	st := state{severity: k.severity}
	if d.chance(0.15) && st.severity < high {
		st.severity++
	}
	if k.onEndpoint() {
		st.investigation = d.between(0, 3)
	}
	for i := 0; i < seq-1 && i < len(history); i++ {
		st.apply(s, newDraw(s.seed, streamStep, uint64(n), uint64(i+2)), int(a.tenant), history[i])
	}
	return st
}

func (st *state) apply(s *Set, d *draw, tenant int, h step) {
	analyst := "soc" + string(rune('1'+d.n(4))) + "@" + s.companies[tenant].Domain
	switch h.act {
	case actAssign:
		st.status, st.assigned = 1, analyst
	case actComment:
		st.comments = append(st.comments, comment{pick(d, remarks), analyst, h.updated})
	case actRaise:
		st.severity = min(st.severity+1, high)
	case actLower:
		st.severity = max(st.severity, low) - 1
	case actEvidence:
		st.remediated, st.investigation = true, pick(d, []int{4, 5, 6})
	case actMerge:
		st.incidentMoves++
	case actReopen:
		st.status, st.resolved = 1, 0
	case actResolve:
		st.status, st.resolved = 2, h.updated
		st.classification = d.between(1, 3)
		st.determination = pick(d, determinationsOf[st.classification])
		if st.assigned == "" {
			st.assigned = "Automation"
		}
		if d.chance(0.5) {
			st.comments = append(st.comments, comment{pick(d, remarks), analyst, h.updated})
		}
	}
}
