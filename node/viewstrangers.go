package node

import (
	"fmt"
	"strings"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// strangerWarnings says what of it needs the person.
func (vw *views) strangerWarnings() (w []string) {
	k := &vw.me.strangers
	if vw.me.circle != nil {
		for _, f := range vw.me.circle.record.Former {
			calls := k.former[f.Identity]
			if calls == nil || vw.me.now.Sub(calls.last) > noticeFor {
				continue
			}
			was := map[roster.FormerState]string{roster.Stolen: "called lost", roster.Silent: "removed for its silence"}[f.State]
			if was == "" {
				continue // it left, and asks whether it may forget its shares
			}
			from := ""
			if calls.addr != "" {
				from = " from " + intent.Escape(calls.addr)
			}
			w = append(w, fmt.Sprintf("%s, which was %s in epoch %d, tried to connect %s, last %s ago%s: somebody runs it; it is out and can sign nothing",
				intent.Escape(f.Name), was, f.Epoch, times(calls.count), roughly(vw.me.now.Sub(calls.last)), from))
		}
	}
	if k.crowd >= crowdedAfter && vw.me.now.Sub(k.crowdLast).Abs() <= crowdFor {
		w = append(w, fmt.Sprintf("%d connections in %s said nothing or found no place, most of them from %s: places are kept for addresses of your devices, but one that comes from a new address may not get through; look for the program there",
			k.crowd, roughly(max(k.crowdLast.Sub(k.crowdSince), time.Second)), intent.Escape(strings.Join(k.crowdFrom, ", "))))
	}
	return w
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// viewStrangers is nil while there is nothing to tell.
func (vw *views) viewStrangers() *api.Strangers {
	k := &vw.me.strangers
	if k.refused+k.unheard+k.turnedAway == 0 {
		return nil
	}
	return &api.Strangers{
		Refused: k.refused, Unheard: k.unheard, TurnedAway: k.turnedAway,
		Last: k.last.UTC().Truncate(time.Second), From: intent.Escape(k.from),
	}
}
