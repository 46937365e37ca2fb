package main

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// parsed is what is written of one expression.
type parsed struct {
	Error     string     `json:"error,omitempty"`
	Selectors []selector `json:"selectors"`
}

// selector is one metric that is asked for, with the labels that it must have.
type selector struct {
	Metric string            `json:"metric"`
	Labels []string          `json:"labels"`
	Equal  map[string]string `json:"equal,omitempty"` // labels that must have just this value
}

// nameLabel is the matcher that a metric's name becomes.
const nameLabel = "__name__"

// parse reads expressions, one JSON string a line, and writes a parsed for each.
func parse(from io.Reader, to io.Writer) error {
	in, out := bufio.NewScanner(from), json.NewEncoder(to)
	p := parser.NewParser(parser.Options{})
	for in.Scan() {
		var text string
		if err := json.Unmarshal(in.Bytes(), &text); err != nil {
			return err
		}
		var got parsed
		expr, err := p.ParseExpr(text)
		if err != nil {
			got.Error = err.Error()
		} else {
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				switch n := n.(type) {
				case *parser.VectorSelector:
					got.Selectors = append(got.Selectors, selectorOf(n))
				case *parser.AggregateExpr:
					if !n.Without {
						got.group(n)
					}
				}
				return nil
			})
		}
		if err := out.Encode(got); err != nil {
			return err
		}
	}
	return in.Err()
}

// group adds the labels that are grouped by to the selectors below an aggregation.
func (g *parsed) group(a *parser.AggregateExpr) {
	parser.Inspect(a.Expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			g.Selectors = append(g.Selectors, selector{Metric: v.Name, Labels: a.Grouping})
		}
		return nil
	})
}

func selectorOf(v *parser.VectorSelector) selector {
	s := selector{Metric: v.Name, Labels: []string{}, Equal: map[string]string{}}
	for _, m := range v.LabelMatchers {
		if m.Name == nameLabel {
			continue
		}
		s.Labels = append(s.Labels, m.Name)
		if m.Type == labels.MatchEqual {
			s.Equal[m.Name] = m.Value
		}
	}
	return s
}
