package syncproto

import "fmt"

// SchemaRevision is the revision of the vocabulary below; every changeset names the one that its author knew.
const SchemaRevision = 1

// Field is the number of a field. It is unique over all entity kinds, so that a field names its kind of record too.
// Numbers are never reused; a field whose type changes gets a new number.
type Field uint32

// FieldExistence is the pseudo-field that create, remove and restore act on.
const FieldExistence Field = 0

// ValueType says how a field's value is encoded as CBOR and how a person types it.
type ValueType string

// The types of value (docs/protocol.md §2: no floats, decimals are [mantissa, exponent]).
const (
	TypeText    ValueType = "text"     // one line, at most 500 bytes
	TypeLong    ValueType = "longtext" // at most 64 KiB
	TypeInt     ValueType = "int"
	TypeDecimal ValueType = "decimal" // [mantissa, exponent]
	TypeDate    ValueType = "date"    // days since 1970-01-01
	TypeTime    ValueType = "time"    // minutes since midnight, local to the facility
	TypeBool    ValueType = "bool"
	TypeCode    ValueType = "code"   // one word of a list
	TypeCodes   ValueType = "codes"  // several words: one atomic value
	TypeRef     ValueType = "ref"    // the id of another record
	TypeAnswer  ValueType = "answer" // a checklist answer: any of the above, or one of the three silences
)

// Class is a field's merge class (docs/protocol.md §3).
type Class string

// The merge classes.
const (
	Shared   Class = "shared"   // one value for everybody: different values conflict
	Personal Class = "personal" // one value for each author: differences are a disagreement to look at
)

// FieldSpec is one row of the vocabulary.
type FieldSpec struct {
	ID     Field
	Name   string
	Type   ValueType
	Class  Class
	Writer Right    // that its author needs beyond the right to write in the scope; 0 for none
	Codes  []string // the words of TypeCode and TypeCodes; empty where any word is accepted
	Help   string
}

// EntityKind is one kind of record with its fields.
type EntityKind struct {
	ID     Field // the number that a create operation carries
	Name   string
	Sealed bool // lives in visits, where values are sealed; otherwise in the registry, in clear
	Help   string
	Fields []FieldSpec
}

var consentLevels = []string{"C0", "C1", "C2", "C3", "C4", "C5"}

// Vocabulary is the table that code, validation, command line and docs read. Adding a field is adding one line;
// a number is never reused. Sources of the terms: OPCAT, APT, the rules of the Kazakh mechanism (docs/design.md).
var Vocabulary = []EntityKind{
	{ID: 1000, Name: "facility", Help: "a place that may be visited", Fields: []FieldSpec{
		{1001, "name", TypeText, Shared, RightRegistry, nil, "official name"},
		{1002, "type", TypeCode, Shared, RightRegistry, []string{"colony", "sizo", "ivs", "psychiatric", "social-care", "children", "special-reception", "military", "other"}, "kind of place"},
		{1003, "region", TypeText, Shared, RightRegistry, nil, "ISO 3166-2 code, such as KZ-75"},
		{1004, "address", TypeText, Shared, RightRegistry, nil, "postal address"},
		{1005, "authority", TypeText, Shared, RightRegistry, nil, "the authority that answers for it"},
		{1006, "capacity", TypeInt, Shared, RightRegistry, nil, "official capacity, persons"},
		{1007, "note", TypeLong, Shared, RightRegistry, nil, "what a visiting group should know"},
	}},
	{ID: 1100, Name: "template", Help: "an approved version of a checklist", Fields: []FieldSpec{
		{1101, "title", TypeText, Shared, RightRegistry, nil, "title of the checklist"},
		{1102, "content", TypeText, Shared, RightRegistry, nil, "SHA-256 of the template file"},
	}},
	{ID: 2000, Name: "visit", Sealed: true, Help: "one visit to one facility", Fields: []FieldSpec{
		{2001, "facility", TypeRef, Shared, 0, nil, "the facility visited"},
		{2002, "title", TypeText, Shared, 0, nil, "working title"},
		{2003, "kind", TypeCode, Shared, 0, []string{"periodic", "interim", "special"}, "kind of visit"},
		{2004, "date", TypeDate, Shared, 0, nil, "day of the visit"},
		{2005, "arrival", TypeTime, Shared, 0, nil, "arrival at the gate"},
		{2006, "entry", TypeTime, Shared, 0, nil, "let in"},
		{2007, "exit", TypeTime, Shared, 0, nil, "left the facility"},
		{2008, "population", TypeInt, Shared, 0, nil, "persons held on the day"},
		{2009, "refusals", TypeLong, Shared, 0, nil, "what access was refused, by whom and why"},
		{2010, "summary", TypeLong, Shared, 0, nil, "summary for the report"},
		{2011, "status", TypeCode, Shared, 0, []string{"planned", "mandated", "prepared", "on-site", "left", "debriefed", "submitted", "closed", "access-refused", "interrupted"}, "state of the visit"},
		{2012, "impression", TypeLong, Personal, 0, nil, "each member's own first impression"},
	}},
	{ID: 2100, Name: "answer", Sealed: true, Help: "the answers to one checklist item", Fields: []FieldSpec{
		{2101, "item", TypeText, Shared, 0, nil, "stable id of the checklist item"},
		{2102, "value", TypeAnswer, Personal, 0, nil, "each member's own answer"},
		{2103, "sources", TypeCodes, Personal, 0, []string{"observation", "interview", "document", "management"}, "kinds of source"},
		{2104, "note", TypeLong, Personal, 0, nil, "each member's note to the answer"},
		{2105, "urgent", TypeBool, Personal, 0, nil, "needs action at once"},
		{2106, "agreed", TypeAnswer, Shared, RightLead, nil, "the group's agreed answer, set by the leader"},
		{2107, "minority", TypeLong, Personal, 0, nil, "a minority view on the agreed answer"},
	}},
	{ID: 2200, Name: "observation", Sealed: true, Help: "what a member saw, heard or smelled", Fields: []FieldSpec{
		{2201, "text", TypeLong, Shared, 0, nil, "the observation"},
		{2202, "place", TypeText, Shared, 0, nil, "where in the facility"},
		{2203, "theme", TypeText, Shared, 0, nil, "theme of the methodology"},
	}},
	{ID: 2300, Name: "interview", Sealed: true, Help: "a conversation; never a name", Fields: []FieldSpec{
		{2301, "pseudonym", TypeText, Shared, 0, nil, "made offline; encodes nothing about the person"},
		{2302, "kind", TypeCode, Shared, 0, []string{"private", "group", "staff", "relative"}, "kind of interview"},
		{2303, "consent", TypeCode, Shared, 0, consentLevels, "what the person agreed to, C0 to C5"},
		{2304, "privacy", TypeText, Shared, 0, nil, "who could see or hear"},
		{2305, "summary", TypeLong, Shared, 0, nil, "what was said"},
		{2306, "themes", TypeCodes, Shared, 0, nil, "themes touched"},
		{2307, "risk", TypeLong, Shared, 0, nil, "risk of reprisals and what was agreed"},
		{2308, "medical", TypeLong, Shared, RightMedical, nil, "medical findings, by a health expert only"},
	}},
	{ID: 2400, Name: "document", Sealed: true, Help: "a register or file that was examined", Fields: []FieldSpec{
		{2401, "title", TypeText, Shared, 0, nil, "title or number"},
		{2402, "checked", TypeLong, Shared, 0, nil, "what was checked"},
		{2403, "discrepancy", TypeLong, Shared, 0, nil, "what did not agree"},
	}},
	{ID: 2500, Name: "finding", Sealed: true, Help: "what the group concludes", Fields: []FieldSpec{
		{2501, "statement", TypeLong, Shared, 0, nil, "the finding"},
		{2502, "theme", TypeText, Shared, 0, nil, "theme"},
		{2503, "standing", TypeCode, Shared, RightLead, []string{"alleged", "observed", "established"}, "established needs two kinds of source"},
	}},
	{ID: 2900, Name: "scope", Sealed: true, Help: "the scope itself: opening, team, keys, decisions", Fields: nil},
}

// fieldIndex finds a field's row by its number: [kind, field] as indexes into Vocabulary.
var fieldIndex = func() map[Field][2]int {
	index := make(map[Field][2]int)
	for i := range Vocabulary {
		for j := range Vocabulary[i].Fields {
			index[Vocabulary[i].Fields[j].ID] = [2]int{i, j}
		}
	}
	return index
}()

// LookupField returns the row of a field and its kind of record.
func LookupField(id Field) (*EntityKind, *FieldSpec, bool) {
	at, ok := fieldIndex[id]
	if !ok {
		return nil, nil, false
	}
	kind := &Vocabulary[at[0]]
	return kind, &kind.Fields[at[1]], true
}

// LookupKind returns the row of an entity kind by its number.
func LookupKind(id Field) (*EntityKind, bool) {
	for i := range Vocabulary {
		if Vocabulary[i].ID == id {
			return &Vocabulary[i], true
		}
	}
	return nil, false
}

// KindNamed returns the row of an entity kind by its name.
func KindNamed(name string) (*EntityKind, bool) {
	for i := range Vocabulary {
		if Vocabulary[i].Name == name {
			return &Vocabulary[i], true
		}
	}
	return nil, false
}

// FieldNamed returns the row of the kind's field by its name.
func (k *EntityKind) FieldNamed(name string) (*FieldSpec, error) {
	for i := range k.Fields {
		if k.Fields[i].Name == name {
			return &k.Fields[i], nil
		}
	}
	return nil, fmt.Errorf("%s has no field %q", k.Name, name)
}

// Flags returns the flags that an operation on the field carries.
func (f *FieldSpec) Flags() Flags {
	if f.Class == Personal {
		return FlagPersonal
	}
	return 0
}
