package causal

import "slices"

// Live is what a read shows at a time in Unix milliseconds: no tombstones, nothing
// expired, and of one operation that two coordinators minted only one dot.
func (o *Object) Live(now int64) []Sibling {
	if o == nil {
		return nil
	}
	var live []Sibling
	for _, s := range o.distinct() {
		if !s.Tombstone && (s.Expiry == 0 || s.Expiry > now) {
			live = append(live, s)
		}
	}
	return live
}

// distinct leaves out siblings whose operation another dot stands for: one that is
// held too, or one that was seen and replaced. It never leaves out all. What two
// coordinators minted of one operation with a TTL expires when the first of them said: a
// retry does not prolong it.
func (o *Object) distinct() []Sibling {
	if o.Policy != Siblings || len(o.Siblings) < 2 {
		return o.Siblings
	}
	var shown []Sibling
	for _, s := range o.Siblings {
		if i := slices.IndexFunc(shown, func(t Sibling) bool { return t.Op == s.Op && s.Op != (OpID{}) }); i >= 0 {
			shown[i].Expiry = earliest(shown[i].Expiry, s.Expiry)
			continue
		}
		if !o.doubled(s) {
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return o.Siblings[:1]
	}
	return shown
}

// earliest is the time that comes first; 0 is never.
func earliest(a, b int64) int64 {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

func (o *Object) doubled(s Sibling) bool {
	if s.Op == (OpID{}) {
		return false
	}
	return slices.ContainsFunc(o.Ops, func(known Operation) bool {
		return known.Op == s.Op && known.Dot != s.Dot && o.Context.Covers(known.Dot) && !o.holds(known.Dot)
	})
}

func (o *Object) holds(d Dot) bool {
	return slices.ContainsFunc(o.Siblings, func(s Sibling) bool { return s.Dot == d })
}
