package plan

import (
	_ "embed"
	"fmt"
	"os"
	"slices"

	"github.com/tollgate/tollgate/services/contract"
	"github.com/tollgate/tollgate/services/core"
)

//go:embed plans.json
var embedded []byte

// file is the form of plans.json.
type file struct {
	Default                  string `json:"default"`
	UnverifiedRequestsPerDay int64  `json:"unverified_requests_per_day"`
	Plans                    []Plan `json:"plans"`
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
	for i := range s.file.Plans {
		p, at := &s.file.Plans[i], fmt.Sprintf("/plans/%d", i)
		p.check(at, &errs)
		if s.byName[p.Name] != nil {
			errs.Add(at+"/name", fmt.Sprintf("%q is the name of another plan", p.Name))
		}
		if other, taken := nums[p.Num]; taken {
			errs.Add(at+"/num", fmt.Sprintf("%d is the number of plan %q", p.Num, other))
		}
		s.byName[p.Name], nums[p.Num] = p, p.Name
	}
	if s.byName[s.file.Default] == nil {
		errs.Add("/default", "must be the name of a plan")
	}
	if s.file.UnverifiedRequestsPerDay < 0 {
		errs.Add("/unverified_requests_per_day", "must not be negative")
	}
	return s, errs.Err()
}

// List returns all plans in the order of the file.
func (s *Service) List() []Plan { return slices.Clone(s.file.Plans) }

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
