package signin

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/intent/internal/strictjson"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

const (
	recapPrefix   = "urn:recap:"
	recapPreamble = "I further authorize the stated URI to perform the following actions on my behalf:"
)

// A recap is what a sign-in lets the stated URI do in the name of the account
// (ERC-5573).
type recap struct {
	abilities []ability
	proofs    int
}

// An ability is an action on a resource.
type ability struct {
	resource, namespace, name string
	limits                    string // "", or that there are some, or that it can never be used
}

// parseRecap reads the details object of a ReCap URI.
func parseRecap(uri string) (*recap, bool) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(uri[len(recapPrefix):], "="))
	if err != nil {
		return nil, false
	}
	top, err := strictjson.Parse(b)
	if err != nil || top.Kind != strictjson.Object {
		return nil, false
	}
	r := new(recap)
	for i, key := range top.Keys {
		n := top.Items[i]
		switch {
		case key == "att" && n.Kind == strictjson.Object:
			for j, resource := range n.Keys {
				if n.Items[j].Kind != strictjson.Object || !r.read(resource, n.Items[j]) {
					return nil, false
				}
			}
		case key == "prf" && n.Kind == strictjson.List:
			r.proofs = len(n.Items)
		default:
			return nil, false
		}
	}
	return r, true
}

func (r *recap) read(resource string, n strictjson.Node) bool {
	for i, key := range n.Keys {
		namespace, name, ok := strings.Cut(key, "/")
		limits := n.Items[i]
		if !ok || namespace == "" || name == "" || limits.Kind != strictjson.List {
			return false
		}
		a := ability{resource: resource, namespace: namespace, name: name, limits: "within limits that its reader knows"}
		for _, l := range limits.Items {
			if l.Kind != strictjson.Object {
				return false
			}
			if len(l.Keys) == 0 { // one way to use it has no restriction
				a.limits = ""
			}
		}
		if len(limits.Items) == 0 {
			a.limits = "but in no valid way"
		}
		r.abilities = append(r.abilities, a)
	}
	return true
}

// statement returns the sentence that the statement of the sign-in must end
// with: the translation of ERC-5573, whose entries are the abilities of a
// resource with one namespace.
func (r *recap) statement() string {
	var b strings.Builder
	b.WriteString(recapPreamble)
	number := 0
	for i := 0; i < len(r.abilities); {
		resource := r.abilities[i].resource
		end := i
		for end < len(r.abilities) && r.abilities[end].resource == resource {
			end++
		}
		var spaces []string
		names := make(map[string][]string)
		for _, a := range r.abilities[i:end] {
			if names[a.namespace] == nil {
				spaces = append(spaces, a.namespace)
			}
			names[a.namespace] = append(names[a.namespace], "'"+a.name+"'")
		}
		for _, space := range spaces {
			number++
			fmt.Fprintf(&b, " (%d) '%s': %s for '%s'.", number, space, strings.Join(names[space], ", "), resource)
		}
		i = end
	}
	return b.String()
}

// describeRecaps lists what the sign-in grants, and says if its statement, the
// part that a person reads, tells something else.
func (s *SignIn) describeRecaps(w *words.Writer) {
	is := func(r string) bool { return strings.HasPrefix(strings.ToLower(r), recapPrefix) }
	at := slices.IndexFunc(s.resources, is)
	if at < 0 {
		if strings.Contains(s.statement, recapPreamble) {
			w.Warn("the statement lists actions that the stated URI may perform, but no resource grants them")
		}
		return
	}
	for i, uri := range s.resources[at:] {
		if !is(uri) {
			continue
		}
		if i > 0 || at != len(s.resources)-1 {
			w.Warn("a grant of rights (ReCap) is not the only one at the end of the resources, as the standard has it")
		}
		r, ok := parseRecap(uri)
		if !ok {
			w.Warn("the resource " + text.Quote(uri) + " grants rights (ReCap, ERC-5573) that cannot be read")
			continue
		}
		r.describe(w, s.uri)
		if !strings.HasSuffix(s.statement, r.statement()) {
			w.Warn("the statement does not say what the sign-in grants (ERC-5573)")
		}
	}
}

func (r *recap) describe(w *words.Writer, uri string) {
	for i, a := range r.abilities {
		if i == words.MaxLines {
			w.Flag("grants", fmt.Sprintf("… %d more", len(r.abilities)-i))
			w.Warn("grants: too many to be shown whole")
			break
		}
		grant := text.Quote(a.namespace+"/"+a.name) + " for " + text.Quote(a.resource)
		if a.limits != "" {
			grant += ", " + a.limits
		}
		w.Flag("grants", grant)
		for _, found := range text.Suspicious(a.resource + " " + a.name) {
			w.Warn("grants: " + found)
		}
	}
	if r.proofs > 0 {
		w.Line("grants", fmt.Sprintf("(%d rights of others are passed on)", r.proofs))
	}
	if len(r.abilities) == 0 {
		return
	}
	w.Warn(fmt.Sprintf("the sign-in lets %s act for this account in %d ways, which are listed as grants", text.Quote(uri), len(r.abilities)))
}
