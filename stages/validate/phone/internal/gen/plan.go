package main

import (
	"slices"

	"github.com/nyaruka/phonenumbers"
)

// desc is one kind of number of a region: its pattern and the lengths it may have.
type desc struct {
	pattern
	lengths  []int32
	accepted bool
}

// region is one territory of a calling code. Kinds stand in the order in which the library tries them.
type region struct {
	number  uint8
	leading *pattern // prefix that decides for this region alone, or nil
	general desc
	kinds   []desc
}

// callingCode is the numbering plan behind one country calling code; its regions stand in the library's order.
type callingCode struct {
	regions  []region
	patterns []pattern // every machine that runs side by side over the national number, in the regions' order
	digits   int       // at most, of the national number
}

// newRegion takes what a person can have WhatsApp on: fixed, mobile, VoIP and personal numbers. The other kinds
// (premium, toll-free, shared cost, pager, UAN, voicemail) are no recipients.
func newRegion(number uint8, m *phonenumbers.PhoneMetadata) (region, error) {
	r := region{number: number}
	if lead := m.GetLeadingDigits(); lead != "" {
		p, err := compile("(?:" + lead + ")[0-9]*")
		if err != nil {
			return region{}, err
		}
		r.leading = &p
	}
	var err error
	if r.general, err = newDesc(m.GetGeneralDesc(), true); err != nil {
		return region{}, err
	}
	for _, k := range []struct {
		desc     *phonenumbers.PhoneNumberDesc
		accepted bool
	}{
		{m.GetPremiumRate(), false}, {m.GetTollFree(), false}, {m.GetSharedCost(), false},
		{m.GetVoip(), true}, {m.GetPersonalNumber(), true},
		{m.GetPager(), false}, {m.GetUan(), false}, {m.GetVoicemail(), false},
		{m.GetFixedLine(), true}, {m.GetMobile(), true},
	} {
		if k.desc.GetNationalNumberPattern() == "" {
			continue
		}
		d, err := newDesc(k.desc, k.accepted)
		if err != nil {
			return region{}, err
		}
		r.kinds = append(r.kinds, d)
	}
	return r, nil
}

func newDesc(d *phonenumbers.PhoneNumberDesc, accepted bool) (desc, error) {
	p, err := compile(d.GetNationalNumberPattern())
	return desc{pattern: p, lengths: d.GetPossibleLength(), accepted: accepted}, err
}

func (d desc) matches(s states, depth int) bool {
	return (len(d.lengths) == 0 || slices.Contains(d.lengths, int32(depth))) && d.matched(s)
}

func (c *callingCode) add(r region) {
	c.regions = append(c.regions, r)
	if r.leading != nil {
		c.patterns = append(c.patterns, *r.leading)
	}
	c.patterns = append(c.patterns, r.general.pattern)
	for _, k := range r.kinds {
		c.patterns = append(c.patterns, k.pattern)
	}
}

func (c callingCode) start() []states {
	var out []states
	for _, p := range c.patterns {
		out = append(out, p.start())
	}
	return out
}

func (c callingCode) step(at []states, digit rune) (next []states, alive bool) {
	next = make([]states, len(c.patterns))
	for i, p := range c.patterns {
		s := p.step(at[i], digit)
		next[i] = s
		alive = alive || len(s) > 0
	}
	return next, alive
}

// region decides as the library does: the first region whose leading digits or any of whose kinds match owns the
// number; 0 when none does or when the kind is no recipient.
func (c callingCode) region(at []states, depth int) uint8 {
	i := 0
	take := func() states { i++; return at[i-1] }
	for _, r := range c.regions {
		led := r.leading != nil && r.leading.matched(take())
		general := r.general.matches(take(), depth)
		valid, accepted := false, false
		for _, k := range r.kinds {
			if s := take(); general && !valid && k.matches(s, depth) {
				valid, accepted = true, k.accepted
			}
		}
		owner := valid
		if r.leading != nil && len(c.regions) > 1 {
			owner = led
		}
		if owner {
			if accepted {
				return r.number
			}
			return 0
		}
	}
	return 0
}
