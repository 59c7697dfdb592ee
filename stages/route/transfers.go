package route

import "strings"

// Bases of transfer, from the one that needs nothing to the one that rests on a contract. None stands beside a verdict.
const (
	SameRegion = "same_region" // nothing leaves the region
	Adequacy   = "adequacy"    // the receiving region is recognised as adequate
	SCC        = "scc"         // standard contractual clauses, or the exporting law's like
	None       = "none"
)

// Leg is a transfer of personal data from one region to another.
type Leg struct{ From, To string }

// Transfers says where personal data may go. It is a policy of the operator, as data: a leg that is not listed has no
// basis, and a country that is not listed has no region.
type Transfers struct {
	Regions map[string]string // ISO 3166-1 alpha-2 country -> region
	Legs    map[Leg]string    // -> basis
}

// Basis returns on what basis a tenant's sender in a region may serve a recipient in a country; ok is false for none.
// Two laws bind the sender's region: the tenant's, who exports, and the recipient's. Both legs need a basis and the
// weaker one is recorded.
func (t Transfers) Basis(tenantRegion, senderRegion, country string) (basis string, ok bool) {
	recipientRegion, known := t.Regions[country]
	if !known {
		return None, false
	}
	fromTenant, known := t.Legs[Leg{tenantRegion, senderRegion}]
	if !known {
		return None, false
	}
	fromRecipient, known := t.Legs[Leg{recipientRegion, senderRegion}]
	if !known {
		return None, false
	}
	return weaker(fromTenant, fromRecipient), true
}

func weaker(a, b string) string {
	for _, basis := range [...]string{SCC, Adequacy} {
		if a == basis || b == basis {
			return basis
		}
	}
	return SameRegion
}

// Default is the transfer policy a deployment starts from. Where the law is in motion it claims the weaker basis, and
// where data may not simply leave (cn, cis) or Meta gives no service (embargoed) it has no row.
func Default() Transfers {
	return Transfers{Regions: regionsOf(countries), Legs: legsOf(matrix)}
}

// matrix has a row per exporting region and a column per region of a sender: = same_region, a adequacy, s scc, - none.
// Adequacy: the European Commission's decisions (UK, Switzerland, Canada, and the Data Privacy Framework for the US), and
// their British and Swiss mirrors.
const matrix = `
from       eu  europe  uk  ch  us  ca  br  latam  in  apac  mea  cn  cis
eu         =   s       a   a   a   a   s   s      s   s     s    -   -
europe     s   =       s   s   s   s   s   s      s   s     s    -   -
uk         a   s       =   a   a   a   s   s      s   s     s    -   -
ch         a   s       a   =   a   a   s   s      s   s     s    -   -
us         s   s       s   s   =   s   s   s      s   s     s    -   -
ca         s   s       s   s   s   =   s   s      s   s     s    -   -
br         s   s       s   s   s   s   =   s      s   s     s    -   -
latam      s   s       s   s   s   s   s   =      s   s     s    -   -
in         s   s       s   s   s   s   s   s      =   s     s    -   -
apac       s   s       s   s   s   s   s   s      s   =     s    -   -
mea        s   s       s   s   s   s   s   s      s   s     =    -   -
cn         -   -       -   -   -   -   -   -      -   -     -    =   -
cis        -   -       -   -   -   -   -   -      -   -     -    -   =
`

// countries holds a region and its countries a line: every ISO 3166-1 code once, and XK (Kosovo), AC and TA, which have
// calling codes of their own. eu is the European Economic Area with its outermost regions.
const countries = `
eu        AT AX BE BG CY CZ DE DK EE ES FI FR GF GP GR HR HU IE IS IT LI LT LU LV MF MQ MT NL NO PL PT RE RO SE SI SK YT
europe    AD AL BA FO GI GL MC MD ME MK RS SJ SM TR UA VA XK
uk        GB GG IM JE
ch        CH
us        US AS GU MP PR UM VI
ca        CA
br        BR
latam     AG AI AR AW BB BL BM BO BQ BS BZ CL CO CR CW DM DO EC FK GD GS GT GY HN HT JM KN KY LC MS MX NI PA PE PM PY SR SV SX TC TT UY VC VE VG
in        IN
apac      AF AQ AU BD BN BT BV CC CK CX FJ FM HK HM ID IO JP KH KI KR LA LK MH MM MN MO MV MY NC NF NP NR NU NZ PF PG PH PK PN PW SB SG TF TH TK TL TO TV TW VN VU WF WS
mea       AC AE AO BF BH BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IL IQ JO KE KM KW LB LR LS LY MA MG ML MR MU MW MZ NA NE NG OM PS QA RW SA SC SD SH SL SN SO SS ST SZ TA TD TG TN TZ UG YE ZA ZM ZW
cn        CN
cis       AM AZ BY GE KG KZ RU TJ TM UZ
embargoed CU IR KP SY
`

func regionsOf(table string) map[string]string {
	regions := make(map[string]string)
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			regions[fields[i]] = fields[0]
		}
	}
	return regions
}

func legsOf(table string) map[Leg]string {
	bases := map[string]string{"=": SameRegion, "a": Adequacy, "s": SCC}
	legs := make(map[Leg]string)
	var columns []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case columns == nil:
			columns = fields
		default:
			for i := 1; i < len(fields); i++ {
				if basis, ok := bases[fields[i]]; ok {
					legs[Leg{From: fields[0], To: columns[i]}] = basis
				}
			}
		}
	}
	return legs
}
