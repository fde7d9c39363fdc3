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
// held too, or one that was seen and replaced. It never leaves out all.
func (o *Object) distinct() []Sibling {
	if o.Policy != Siblings || len(o.Siblings) < 2 {
		return o.Siblings
	}
	var shown []Sibling
	for _, s := range o.Siblings {
		if !o.doubled(shown, s) {
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return o.Siblings[:1]
	}
	return shown
}

func (o *Object) doubled(shown []Sibling, s Sibling) bool {
	if s.Op == (OpID{}) {
		return false
	}
	if slices.ContainsFunc(shown, func(t Sibling) bool { return t.Op == s.Op }) {
		return true
	}
	return slices.ContainsFunc(o.Ops, func(known Operation) bool {
		return known.Op == s.Op && known.Dot != s.Dot && o.Context.Covers(known.Dot) && !o.holds(known.Dot)
	})
}

func (o *Object) holds(d Dot) bool {
	return slices.ContainsFunc(o.Siblings, func(s Sibling) bool { return s.Dot == d })
}
