package main

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/schemas"
)

// sampler makes valid requests for the registered tenants: recipients in several countries, categories and kinds of
// content in a plausible mix, texts of different lengths. The same seed gives the same sequence, message ids and times
// apart.
type sampler struct {
	random  *rand.Rand
	tenants []schemas.Tenant
	canary  string // planted in every content when not empty
	n       int
}

func newSampler(seed uint64, tenants map[string]schemas.Tenant) (*sampler, error) {
	s := &sampler{random: rand.New(rand.NewPCG(seed, 0x77a))}
	for _, id := range slices.Sorted(maps.Keys(tenants)) {
		if t := tenants[id]; t.Status == "active" {
			s.tenants = append(s.tenants, t)
		}
	}
	if len(s.tenants) == 0 {
		return nil, errors.New("no active tenant is registered (wlctl tenant put)")
	}
	return s, nil
}

// countries are prefixes of mobile numbers that are valid whatever the rest.
var countries = []struct {
	prefix string
	digits int // after the prefix
}{
	{"+491511", 7}, {"+4915112", 6}, {"+447400", 6}, {"+336120", 5}, {"+346120", 5}, {"+5511991", 6}, {"+919876", 6}, {"+614120", 5},
}

var categories = []schemas.Category{schemas.Utility, schemas.Utility, schemas.Utility, schemas.Authentication, schemas.Marketing, schemas.Service}

const words = "your order is on its way and will arrive between nine and eleven please have the code ready at the door thank you for shopping with us "

// next makes one request.
func (s *sampler) next(now time.Time) schemas.MessageRequest {
	s.n++
	tenant := s.tenants[s.random.IntN(len(s.tenants))]
	country := countries[s.random.IntN(len(countries))]
	limit := 1
	for range country.digits {
		limit *= 10
	}
	r := schemas.MessageRequest{
		MessageID: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(),
		TenantID:  tenant.TenantID,
		Recipient: schemas.Recipient{Phone: fmt.Sprintf("%s%0*d", country.prefix, country.digits, s.random.IntN(limit))},
		Category:  categories[s.random.IntN(len(categories))],
		CreatedAt: now.UTC(),
		Labels:    map[string]string{},
	}
	if len(tenant.LabelKeys) > 0 {
		r.Labels[tenant.LabelKeys[0]] = [...]string{"spring", "summer", "autumn"}[s.random.IntN(3)]
	}
	if r.Content = s.content(); r.Category == schemas.Authentication {
		r.Content = s.oneTimePassword()
	}
	return r
}

// oneTimePassword goes twice, as Meta wants it: in the body and in the button that copies it.
func (s *sampler) oneTimePassword() schemas.Template {
	code := []schemas.TemplateParameter{{Type: "text", Text: fmt.Sprintf("%06d", s.random.IntN(1_000_000))}}
	return schemas.Template{Name: "login_code", Language: "en_US", Components: []schemas.TemplateComponent{
		{Type: "body", Parameters: code}, {Type: "button", SubType: "url", Index: "0", Parameters: code},
	}}
}

// content is a text, a template or, one time in ten, a raw kind.
func (s *sampler) content() schemas.Content {
	text := strings.TrimSpace(strings.Repeat(words, 1+s.random.IntN(3))[:20+s.random.IntN(len(words)-20)]) + " " + s.canary
	switch s.random.IntN(10) {
	case 0:
		return schemas.Raw{Type: "text", JSON: fmt.Sprintf(`{"body":%q}`, text)}
	case 1, 2, 3, 4:
		return schemas.Template{Name: "order_update", Language: "en_US", Components: []schemas.TemplateComponent{{
			Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: strings.TrimSpace(text)}, {Type: "text", Text: "42"}},
		}}}
	}
	return schemas.Text{Body: text}
}
