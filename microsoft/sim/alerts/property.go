package alerts

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// property is the value of a property of a version, by the API's own name for
// it, without rendering the whole body. Properties that no API can filter by
// are not known here. The caller holds the lock.
func (s *Set) property(r Ref, name string) any {
	if r.e.alert < 0 {
		return s.recordedProperty(r, name)
	}
	switch name {
	case "lastUpdateDateTime", "lastUpdateTime":
		return time.Unix(0, r.e.updated).UTC()
	case "id":
		id, _ := s.alertID(int(r.e.alert), s.alerts[r.e.alert])
		return id
	}
	n := int(r.e.alert)
	a := s.alerts[n]
	if name == "createdDateTime" || name == "alertCreationTime" {
		return time.Unix(0, a.created).UTC()
	}
	k := &kinds[a.kind]
	st := s.stateOf(n, a, int(r.e.seq), s.history[r.e.alert])
	graph := r.source == showsGraph
	word := func(graphWord, oldWord string) any {
		if !graph {
			graphWord = oldWord
		}
		if graphWord == "" {
			return nil
		}
		return graphWord
	}
	switch name {
	case "severity":
		return word(graphLevels[st.severity], oldLevels[st.severity])
	case "status":
		return word(graphStatuses[st.status], oldStatuses[st.status])
	case "classification":
		return word(graphClasses[st.classification], oldClasses[st.classification])
	case "determination":
		return word(graphDeterminations[st.determination], oldDeterminations[st.determination])
	case "assignedTo":
		return word(st.assigned, st.assigned)
	case "category":
		return k.category
	case "serviceSource":
		return services[k.service].source
	case "detectionSource":
		return word(detections[k.detection].graph, detections[k.detection].defender)
	case "incidentId":
		number := s.incident(n, a) + st.incidentMoves
		if graph {
			return strconv.FormatInt(number, 10)
		}
		return number
	}
	f := s.facts(n, a)
	switch name {
	case "investigationId":
		if f.investigation != 0 {
			return f.investigation
		}
	case "lastEventTime":
		return time.Unix(0, f.last).UTC()
	case "machineGroup":
		return f.device.group
	case "tags":
		if len(f.device.tags) > 0 {
			return f.device.tags[0]
		}
	}
	return nil
}

// recordedProperty reads the property from the recorded body.
func (s *Set) recordedProperty(r Ref, name string) any {
	rec := s.recording(r.e)
	switch name {
	case "lastUpdateDateTime", "lastUpdateTime":
		return rec.Updated
	case "id":
		return rec.ID
	case "machineGroup":
		name = "MachineGroup"
	case "tags":
		name = "DeviceCreatedMachineTags"
	}
	var members map[string]json.RawMessage
	var value any
	if json.Unmarshal(rec.Raw, &members) != nil || members[name] == nil || json.Unmarshal(members[name], &value) != nil {
		return nil
	}
	switch v := value.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t.UTC()
		}
		return v
	case float64:
		if v == math.Trunc(v) {
			return int64(v)
		}
	}
	return nil
}
