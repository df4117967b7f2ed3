package corefile

import "strings"

// elsewhere is what to do with a template that does more.
const elsewhere = "expected template IN AAAA [ZONES...] with rcode NOERROR, which family ipv4 says too; " +
	"keep any other on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)"

// template reads the one form that is known here: AAAA is NODATA.
func (d *directive) template() error {
	args, err := d.args(2, -1, "template IN AAAA [ZONES...]")
	if err != nil {
		return err
	}
	if args[0] != "IN" && args[0] != "ANY" || args[1] != "AAAA" {
		return d.errorf("%s %s: %s", args[0], args[1], elsewhere)
	}
	zones, err := d.zones(args[2:])
	if err != nil {
		return err
	}
	d.block.addIPv4Only(zones)
	return d.options(d.templateOption)
}

func (d *directive) templateOption() error {
	args, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	all := strings.Join(args, " ")
	switch d.option {
	case "rcode":
		if all == "NOERROR" {
			return nil
		}
	case "match":
		if all == ".*" || all == "." {
			return nil
		}
	case "authority":
		if strings.Contains(all, " SOA ") {
			d.note("how long a denial holds is said by the cache's")
			return nil
		}
	case "fallthrough", "upstream":
		return nil // every name matches
	}
	return d.errorf("%q: %s", all, elsewhere)
}
