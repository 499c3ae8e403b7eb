package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/roster"
)

// TestRulesAnswer: what a device's rules say is what it answers to a request,
// in the place of its person: once, durably, and never where it is locked or
// the request has something to warn of.
func TestRulesAnswer(t *testing.T) {
	t.Parallel()
	rules := func(text string) policy.Rules {
		r, err := policy.ParseRules(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, c := range map[string]struct {
		rules  string
		text   string
		locked bool
		want   string // of the phone's request, on the phone
		answer string // of the laptop
	}{
		"default":  {"", "hi", false, api.StatePending, ""},
		"ask":      {"message ask", "hi", false, api.StatePending, ""},
		"allow":    {"message allow", "hi", false, api.StateSigned, api.AnswerApproved},
		"deny":     {"message deny", "hi", false, api.StateDenied, api.AnswerDenied},
		"others":   {"transaction deny\ntyped-data allow", "hi", false, api.StatePending, ""},
		"locked":   {"message allow", "hi", true, api.StatePending, ""},
		"warnings": {"message allow", "hi\u202e", false, api.StatePending, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 60)
			l.found(2, 3)
			phone, laptop := l.devices[0], l.devices[1]
			laptop.core.Config.Rules = rules(c.rules)
			laptop.keeper.locked = c.locked
			r := phone.ask(c.text)
			l.run(time.Minute, nil)
			if s := string(r.State()); s != c.want {
				t.Errorf("the request is %s, want %s", s, c.want)
			}
			if v := laptop.core.ViewRequest(laptop.request(r.ID)); v.Answer != c.answer {
				t.Errorf("the laptop says %q, want %q", v.Answer, c.answer)
			}
			laptop.kill()
			laptop.start()
			if v := laptop.core.ViewRequest(laptop.request(r.ID)); v.Answer != c.answer {
				t.Errorf("after a restart the laptop says %q, want %q", v.Answer, c.answer)
			}
		})
	}

	t.Run("own", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, 3, 61)
		l.found(2, 3)
		phone, laptop := l.devices[0], l.devices[1]
		r := phone.ask("before the rule")
		l.run(time.Second, nil)
		for _, d := range []*labDevice{phone, laptop} {
			d.core.Now, d.core.Config.Rules = l.now, rules("message deny")
		}
		if _, err := phone.core.Ask(intent.Input{Kind: intent.Message, Message: []byte("hi")}, roster.Ethereum, []uint32{0, 0}, desk.RequestLifetime); codeOf(err) != api.CodeRefused || !strings.Contains(err.Error(), "policy") {
			t.Errorf("its person asks against its rules: %v", err)
		}
		if err := laptop.core.Approve(laptop.request(r.ID), false); codeOf(err) != api.CodeRefused || !strings.Contains(err.Error(), "policy") {
			t.Errorf("its person approves against its rules: %v", err)
		}
		if len(laptop.request(r.ID).Approved) != 1 {
			t.Error("an approval is held")
		}
	})
}
