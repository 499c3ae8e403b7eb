package intent

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
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
	top, err := parseJSON(b)
	if err != nil || top.kind != jsonObject {
		return nil, false
	}
	r := new(recap)
	for i, key := range top.keys {
		n := top.items[i]
		switch {
		case key == "att" && n.kind == jsonObject:
			for j, resource := range n.keys {
				if n.items[j].kind != jsonObject || !r.read(resource, n.items[j]) {
					return nil, false
				}
			}
		case key == "prf" && n.kind == jsonArray:
			r.proofs = len(n.items)
		default:
			return nil, false
		}
	}
	return r, true
}

func (r *recap) read(resource string, n node) bool {
	for i, key := range n.keys {
		namespace, name, ok := strings.Cut(key, "/")
		limits := n.items[i]
		if !ok || namespace == "" || name == "" || limits.kind != jsonArray {
			return false
		}
		a := ability{resource: resource, namespace: namespace, name: name, limits: "within limits that its reader knows"}
		for _, l := range limits.items {
			if l.kind != jsonObject {
				return false
			}
			if len(l.keys) == 0 { // one way to use it has no restriction
				a.limits = ""
			}
		}
		if len(limits.items) == 0 {
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
func (s *signIn) describeRecaps(w *writer) {
	is := func(r string) bool { return strings.HasPrefix(strings.ToLower(r), recapPrefix) }
	at := slices.IndexFunc(s.resources, is)
	if at < 0 {
		if strings.Contains(s.statement, recapPreamble) {
			w.warn("the statement lists actions that the stated URI may perform, but no resource grants them")
		}
		return
	}
	for i, uri := range s.resources[at:] {
		if !is(uri) {
			continue
		}
		if i > 0 || at != len(s.resources)-1 {
			w.warn("a grant of rights (ReCap) is not the only one at the end of the resources, as the standard has it")
		}
		r, ok := parseRecap(uri)
		if !ok {
			w.warn("the resource " + short(uri) + " grants rights (ReCap, ERC-5573) that cannot be read")
			continue
		}
		r.describe(w, s.uri)
		if !strings.HasSuffix(s.statement, r.statement()) {
			w.warn("the statement does not say what the sign-in grants (ERC-5573)")
		}
	}
}

func (r *recap) describe(w *writer, uri string) {
	for i, a := range r.abilities {
		if i == maxTextLines {
			w.flag("grants", fmt.Sprintf("… %d more", len(r.abilities)-i))
			w.warn("grants: too many to be shown whole")
			break
		}
		text := short(a.namespace+"/"+a.name) + " for " + short(a.resource)
		if a.limits != "" {
			text += ", " + a.limits
		}
		w.flag("grants", text)
		for _, found := range Suspicious(a.resource + " " + a.name) {
			w.warn("grants: " + found)
		}
	}
	if r.proofs > 0 {
		w.line("grants", fmt.Sprintf("(%d rights of others are passed on)", r.proofs))
	}
	if len(r.abilities) == 0 {
		return
	}
	w.warn(fmt.Sprintf("the sign-in lets %s act for this account in %d ways, which are listed as grants", short(uri), len(r.abilities)))
}
