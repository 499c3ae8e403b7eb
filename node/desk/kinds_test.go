package desk

import (
	"testing"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

// TestKindsOfTheAPI: the control interface calls the kinds of change what requests
// call them, and no kind of a request for a signature is called so.
func TestKindsOfTheAPI(t *testing.T) {
	t.Parallel()
	same := map[change.Kind]string{
		change.Add: api.KindAdd, change.Replace: api.KindReplace, change.Lost: api.KindLost, change.Refresh: api.KindRefresh,
		change.Leave: api.KindLeave, change.Freeze: api.KindFreeze, change.Thaw: api.KindThaw, change.Vacation: api.KindVacation,
		change.Veto: api.KindVeto, change.Remove: api.KindRemove, change.Threshold: api.KindThreshold,
	}
	for _, k := range change.Kinds() {
		if same[k] != string(k) || apiKind(string(k)) != string(k) {
			t.Errorf("%s is %q to the control interface", k, same[k])
		}
	}
	if len(same) != len(change.Kinds()) {
		t.Errorf("%d kinds, want %d", len(change.Kinds()), len(same))
	}
	for _, k := range intent.Kinds() {
		if change.Kind(k).Known() {
			t.Errorf("%s is a change of the circle, too", k)
		}
	}
}
