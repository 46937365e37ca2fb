package provider

import "strings"

// ImportID is how an object of a resource, called without the provider's name, is
// named in an import: "GATEWAY/NAME"; empty for none of that name.
func ImportID(name string) string {
	if name == "gateway_config" {
		return "GATEWAY"
	}
	for _, k := range kinds() {
		if k.name == name {
			return k.importID()
		}
	}
	return ""
}

func (k *kind) importID() string {
	switch {
	case k.global:
		return strings.ToUpper(k.key)
	case k.key == "":
		return "GATEWAY"
	}
	return "GATEWAY/" + strings.ToUpper(k.key)
}
