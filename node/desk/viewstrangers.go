package desk

import (
	"strings"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
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
			was, known := map[roster.FormerState]say.ID{roster.Stolen: say.WasCalledLost, roster.Silent: say.WasRemoved}[f.State]
			if !known {
				continue // it left, and asks whether it may forget its shares
			}
			from := ""
			if calls.Addr != "" {
				from = vw.say(say.FromAddress, intent.Escape(calls.Addr))
			}
			w = append(w, vw.say(say.FormerCalls,
				intent.Escape(f.Name), vw.say(was), f.Epoch, vw.times(calls.Count), standing.Roughly(vw.me.Now.Sub(calls.Last)), from))
		}
	}
	if k.Crowd >= standing.CrowdedAfter && vw.me.Now.Sub(k.CrowdLast).Abs() <= standing.CrowdFor {
		w = append(w, vw.say(say.Crowded,
			k.Crowd, standing.Roughly(max(k.CrowdLast.Sub(k.CrowdSince), time.Second)), intent.Escape(strings.Join(k.CrowdFrom, ", "))))
	}
	return w
}

func (vw *Views) times(n uint64) string {
	if n == 1 {
		return vw.say(say.Once)
	}
	return vw.say(say.Times, n)
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
