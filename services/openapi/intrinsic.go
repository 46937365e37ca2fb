package openapi

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// intrinsics are the functions of CloudFormation that have a short form in YAML, by
// their tags.
var intrinsics = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition",
	"!Sub": "Fn::Sub", "!GetAtt": "Fn::GetAtt", "!Join": "Fn::Join", "!If": "Fn::If", "!ImportValue": "Fn::ImportValue", "!Select": "Fn::Select",
	"!Split": "Fn::Split", "!FindInMap": "Fn::FindInMap", "!Base64": "Fn::Base64", "!Cidr": "Fn::Cidr", "!GetAZs": "Fn::GetAZs", "!Transform": "Fn::Transform",
	"!And": "Fn::And", "!Or": "Fn::Or", "!Not": "Fn::Not", "!Equals": "Fn::Equals",
}

// intrinsic writes a value with the tag of such a function in the function's long form
// ({"Fn::Sub": …}), which is what JSON has. It reports false for other values.
func (w *yamlWriter) intrinsic(n *yaml.Node, depth int) (bool, error) {
	name := intrinsics[n.Tag]
	if !w.functions || name == "" {
		return false, nil
	}
	w.out.WriteByte('{')
	if err := w.text(name); err != nil {
		return true, err
	}
	w.out.WriteByte(':')
	plain := *n
	plain.Tag = ""
	if n.Kind == yaml.ScalarNode {
		plain.Tag = "!!str"
		if of, attribute, ok := strings.Cut(n.Value, "."); ok && name == "Fn::GetAtt" {
			plain = yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Content: []*yaml.Node{
				{Kind: yaml.ScalarNode, Tag: "!!str", Value: of, Line: n.Line}, {Kind: yaml.ScalarNode, Tag: "!!str", Value: attribute, Line: n.Line},
			}}
		}
	}
	if err := w.value(&plain, depth+1); err != nil {
		return true, err
	}
	w.out.WriteByte('}')
	return true, nil
}
