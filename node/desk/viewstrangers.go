package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
)

// strangerWarnings says what of it needs the person.
func (vw *Views) strangerWarnings() (w []string) {
	k := &vw.me.Strangers
	if vw.me.Circle != nil {
		for _, f := range vw.me.Circle.Record.Former {
			calls := k.Former[f.Identity]
			if calls == nil || vw.me.Now.Sub(calls.Last) > NoticeFor {
				continue
			}
			was := map[roster.FormerState]string{roster.Stolen: "called lost", roster.Silent: "removed for its silence"}[f.State]
			if was == "" {
				continue // it left, and asks whether it may forget its shares
			}
			from := ""
			if calls.Addr != "" {
				from = " from " + intent.Escape(calls.Addr)
			}
			w = append(w, fmt.Sprintf("%s, which was %s in epoch %d, tried to connect %s, last %s ago%s: somebody runs it; it is out and can sign nothing",
				intent.Escape(f.Name), was, f.Epoch, times(calls.Count), standing.Roughly(vw.me.Now.Sub(calls.Last)), from))
		}
	}
	if k.Crowd >= standing.CrowdedAfter && vw.me.Now.Sub(k.CrowdLast).Abs() <= standing.CrowdFor {
		w = append(w, fmt.Sprintf("%d connections in %s said nothing or found no place, most of them from %s: places are kept for addresses of your devices, but one that comes from a new address may not get through; look for the program there",
			k.Crowd, standing.Roughly(max(k.CrowdLast.Sub(k.CrowdSince), time.Second)), intent.Escape(strings.Join(k.CrowdFrom, ", "))))
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
func (vw *Views) viewStrangers() *api.Strangers {
	k := &vw.me.Strangers
	if k.Refused+k.Unheard+k.TurnedAway == 0 {
		return nil
	}
	return &api.Strangers{
		Refused: k.Refused, Unheard: k.Unheard, TurnedAway: k.TurnedAway,
		Last: k.Last.UTC().Truncate(time.Second), From: intent.Escape(k.From),
	}
}
