package plan

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

//go:embed plans.json
var embedded []byte

// file is the form of plans.json.
type file struct {
	Default                  string  `json:"default"`
	UnverifiedRequestsPerDay int64   `json:"unverified_requests_per_day"`
	Dunning                  Dunning `json:"dunning"`
	Plans                    []Plan  `json:"plans"`
}

// Dunning is how an organization is served whose invoice is unpaid, counted from
// the day on which it was due.
type Dunning struct {
	// Grace is how long it is served fully.
	Grace contract.Duration `json:"grace"`
	// SuspendAfter is when it is suspended; from Grace until then it is served the
	// included requests only.
	SuspendAfter contract.Duration `json:"suspend_after"`
}

// Without a word of the file, a debtor has a week, and another one.
const (
	defaultGrace        = 7 * 24 * time.Hour
	defaultSuspendAfter = 14 * 24 * time.Hour
)

func (d *Dunning) check(errs *contract.FieldErrors) {
	if *d == (Dunning{}) {
		*d = Dunning{contract.Duration(defaultGrace), contract.Duration(defaultSuspendAfter)}
	}
	if d.Grace.Std() <= 0 {
		errs.Add("/dunning/grace", "must be longer than nothing, such as \"168h\"")
	}
	if d.SuspendAfter.Std() <= d.Grace.Std() {
		errs.Add("/dunning/suspend_after", "must be longer than grace, such as \"336h\"")
	}
}

// Service answers questions about plans. It never changes after New.
type Service struct {
	file   file
	byName map[string]*Plan
}

// New reads the plans of the file at path, or the embedded ones when path is
// empty.
func New(path string) (*Service, error) {
	raw, from := embedded, "embedded plans"
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read plans file: %w", err)
		}
		raw, from = b, path
	}
	s, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return s, nil
}

func parse(raw []byte) (*Service, error) {
	s := &Service{byName: map[string]*Plan{}}
	if err := contract.DecodeStrict(raw, &s.file); err != nil {
		return nil, err
	}
	var errs contract.FieldErrors
	nums := map[uint32]string{}
	s.file.Dunning.check(&errs)
	for i := range s.file.Plans {
		p, at := &s.file.Plans[i], fmt.Sprintf("/plans/%d", i)
		p.check(at, &errs)
		if p.SelfServe == nil {
			p.SelfServe = new(true)
		}
		if s.byName[p.Name] != nil {
			errs.Add(at+"/name", fmt.Sprintf("%q is the name of another plan", p.Name))
		}
		if other, taken := nums[p.Num]; taken {
			errs.Add(at+"/num", fmt.Sprintf("%d is the number of plan %q", p.Num, other))
		}
		s.byName[p.Name], nums[p.Num] = p, p.Name
	}
	s.oneCurrency(&errs)
	if s.byName[s.file.Default] == nil {
		errs.Add("/default", "must be the name of a plan")
	}
	if s.file.UnverifiedRequestsPerDay < 0 {
		errs.Add("/unverified_requests_per_day", "must not be negative")
	}
	return s, errs.Err()
}

// oneCurrency refuses prices in several currencies: a subscription has prices of
// every plan, and one currency.
func (s *Service) oneCurrency(errs *contract.FieldErrors) {
	first := ""
	for i := range s.file.Plans {
		switch p := &s.file.Plans[i]; {
		case p.PriceCents == 0 && p.Overage == nil:
		case first == "":
			first = p.Currency
		case p.Currency != first:
			errs.Add(fmt.Sprintf("/plans/%d/currency", i), fmt.Sprintf("must be %q, as of the other plans with a price", first))
		}
	}
}

// List returns all plans in the order of the file.
func (s *Service) List() []Plan { return slices.Clone(s.file.Plans) }

// Dunning is how debtors are served.
func (s *Service) Dunning() Dunning { return s.file.Dunning }

// Default is the name of the plan that a new organization gets.
func (s *Service) Default() string { return s.file.Default }

// Get returns the plan with a name.
func (s *Service) Get(name string) (Plan, error) {
	p := s.byName[name]
	if p == nil {
		return Plan{}, core.NotFound("plan", name)
	}
	return *p, nil
}

// Of is the plan that an organization with a plan's name is served by. One that the
// operator took out of the file while organizations still had it keeps its name and
// has all else of the default one; nobody can choose it.
func (s *Service) Of(name string) Plan {
	p := *s.effective(name)
	if p.Name != name {
		p.Name, p.Title, p.SelfServe = name, name, new(false)
	}
	return p
}

// Limits are what a plan allows to configure. A plan that the operator took out
// of the file while organizations still had it counts as the default one.
func (s *Service) Limits(name string) core.Limits { return s.effective(name).Limits() }

// Apply writes what edges must know of an organization with the plan: its
// limits, and the daily cap of one that is not verified.
func (s *Service) Apply(name string, verified bool, doc *contract.Organization) {
	s.effective(name).Apply(doc)
	doc.RequestsPerDay = 0
	if !verified {
		doc.RequestsPerDay = s.file.UnverifiedRequestsPerDay
	}
}

func (s *Service) effective(name string) *Plan {
	if p := s.byName[name]; p != nil {
		return p
	}
	return s.byName[s.file.Default]
}
