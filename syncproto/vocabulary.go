package syncproto

import "fmt"

// SchemaRevision is the revision of the vocabulary below; every changeset names the one that its author knew.
const SchemaRevision = 2

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
	TypeInt     ValueType = "int"      // a count: people type 0 or more
	TypeDecimal ValueType = "decimal"  // [mantissa, exponent]
	TypeDate    ValueType = "date"     // days since 1970-01-01
	TypeTime    ValueType = "time"     // minutes since midnight, local to the facility
	TypeBool    ValueType = "bool"
	TypeCode    ValueType = "code"   // one word of a list
	TypeCodes   ValueType = "codes"  // several words: one atomic value
	TypeRef     ValueType = "ref"    // the id of another record
	TypeAnswer  ValueType = "answer" // a checklist answer: any of the above, or one of the three silences
	TypeBytes   ValueType = "bytes"  // what no person types: parts of files, sealed values
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

var (
	consentLevels = []string{"C0", "C1", "C2", "C3", "C4", "C5"}
	sourceKinds   = []string{"observation", "interview", "document", "management"}
)

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
		{1102, "content", TypeText, Shared, RightRegistry, nil, "SHA-256 of the template's canonical bytes"},
		{1103, "form", TypeText, Shared, RightRegistry, nil, "the form's id, the same in all its versions"},
		{1104, "version", TypeText, Shared, RightRegistry, nil, "the form author's version"},
		{1105, "state", TypeCode, Shared, RightRegistry, []string{"draft", "approved", "withdrawn"}, "only approved ones are offered for new visits"},
		{1106, "parts", TypeInt, Shared, RightRegistry, nil, "number of parts of the content"},
	}},
	{ID: 1110, Name: "template-part", Help: "a part of a template's canonical bytes, zstd", Fields: []FieldSpec{
		{1111, "template", TypeRef, Shared, RightRegistry, nil, "the template"},
		{1112, "number", TypeInt, Shared, RightRegistry, nil, "place of the part, from 0"},
		{1113, "content", TypeBytes, Shared, RightRegistry, nil, "the bytes"},
	}},
	{ID: 1200, Name: "norm", Help: "a dated figure that measurements are compared with", Fields: []FieldSpec{
		{1201, "key", TypeText, Shared, RightRegistry, nil, "measure and source, such as m2_per_person/CPT/shared"},
		{1202, "value", TypeDecimal, Shared, RightRegistry, nil, "the figure"},
		{1203, "unit", TypeText, Shared, RightRegistry, nil, "its unit"},
		{1204, "from", TypeDate, Shared, RightRegistry, nil, "first day in force"},
		{1205, "to", TypeDate, Shared, RightRegistry, nil, "last day in force; none while it is in force"},
		{1206, "reference", TypeText, Shared, RightRegistry, nil, "where it stands"},
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
		{2013, "follows", TypeRef, Shared, 0, nil, "the earlier visit that an interim visit follows"},
		{2014, "order", TypeText, Shared, 0, nil, "number and date of the mandate"},
	}},
	{ID: 2050, Name: "obstruction", Sealed: true, Help: "access that was refused or delayed (OPCAT 20)", Fields: []FieldSpec{
		{2051, "kind", TypeCode, Shared, 0, []string{"entry-delayed", "entry-refused", "place", "person", "document", "device", "private-talk", "other"}, "what was refused or delayed"},
		{2052, "what", TypeLong, Shared, 0, nil, "what happened"},
		{2053, "official", TypeText, Shared, 0, nil, "position of the official, no name"},
		{2054, "reason", TypeLong, Shared, 0, nil, "the reason that was given"},
		{2055, "time", TypeTime, Shared, 0, nil, "when"},
	}},
	{ID: 2100, Name: "answer", Sealed: true, Help: "the answers to one checklist item", Fields: []FieldSpec{
		{2101, "item", TypeText, Shared, 0, nil, "stable id of the checklist item"},
		{2102, "value", TypeAnswer, Personal, 0, nil, "each member's own answer"},
		{2103, "sources", TypeCodes, Personal, 0, sourceKinds, "kinds of source"},
		{2104, "note", TypeLong, Personal, 0, nil, "each member's note to the answer"},
		{2105, "urgent", TypeBool, Personal, 0, nil, "needs action at once"},
		{2106, "agreed", TypeAnswer, Shared, RightLead, nil, "the group's agreed answer, set by the leader"},
		{2107, "minority", TypeLong, Personal, 0, nil, "a minority view on the agreed answer"},
		{2108, "medical", TypeAnswer, Personal, RightMedical, nil, "each health expert's own answer, in place of value where the item asks for one"},
		{2109, "links", TypeCodes, Personal, 0, nil, "records that support the answer: interviews, documents, evidence"},
		{2110, "transcribed", TypeBool, Personal, 0, nil, "typed in later from paper"},
		{2111, "checklist", TypeRef, Shared, 0, nil, "the checklist that the item is of"},
		{2112, "row", TypeRef, Shared, 0, nil, "the instance of a repeat that the item is in"},
	}},
	{ID: 2200, Name: "observation", Sealed: true, Help: "what a member saw, heard or smelled", Fields: []FieldSpec{
		{2201, "text", TypeLong, Shared, 0, nil, "the observation"},
		{2202, "place", TypeText, Shared, 0, nil, "where in the facility"},
		{2203, "theme", TypeText, Shared, 0, nil, "theme of the methodology"},
		{2204, "time", TypeTime, Shared, 0, nil, "when"},
		{2205, "urgent", TypeBool, Shared, 0, nil, "needs action at once"},
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
		{2309, "place", TypeText, Shared, 0, nil, "where, in general words"},
		{2310, "start", TypeTime, Shared, 0, nil, "begun"},
		{2311, "end", TypeTime, Shared, 0, nil, "ended"},
		{2312, "present", TypeText, Shared, 0, nil, "who else was present, no names"},
		{2313, "interpreter", TypeCode, Shared, 0, []string{"none", "sworn", "team", "staff", "detainee", "phone"}, "who interpreted"},
		{2314, "language", TypeText, Shared, 0, nil, "language of the conversation"},
		{2315, "vulnerability", TypeCodes, Shared, 0, []string{"minor", "woman", "pregnant", "older", "disability", "psychosocial", "foreigner", "minority", "lgbti", "low-status", "illness", "trauma"}, "what calls for special care"},
		{2316, "conditions", TypeCodes, Shared, 0, []string{"out-of-hearing", "out-of-sight", "no-camera", "place-chosen-by-team", "interrupted", "staff-near"}, "privacy conditions"},
		{2317, "urgent", TypeBool, Shared, 0, nil, "needs action at once"},
	}},
	{ID: 2320, Name: "consent", Sealed: true, Help: "what a person allowed, for one use", Fields: []FieldSpec{
		{2321, "interview", TypeRef, Shared, 0, nil, "the conversation"},
		{2322, "use", TypeCode, Shared, 0, []string{"record", "group", "npm", "report", "recipient", "publish", "photo", "audio", "medical", "naming-others"}, "what for"},
		{2323, "level", TypeCode, Shared, 0, consentLevels, "how far, C0 to C5"},
		{2324, "recipient", TypeText, Shared, 0, nil, "named recipient and purpose, for C4"},
		{2325, "by", TypeCode, Shared, 0, []string{"person", "guardian", "person-and-guardian"}, "who consented; for children assent and the guardian's position"},
		{2326, "explained", TypeLong, Shared, 0, nil, "how it was explained, in which language"},
		{2327, "withdrawn", TypeBool, Shared, 0, nil, "taken back: wins over any later use"},
	}},
	{ID: 2400, Name: "document", Sealed: true, Help: "a register or file that was examined", Fields: []FieldSpec{
		{2401, "title", TypeText, Shared, 0, nil, "title or number"},
		{2402, "checked", TypeLong, Shared, 0, nil, "what was checked"},
		{2403, "discrepancy", TypeLong, Shared, 0, nil, "what did not agree"},
		{2404, "period", TypeText, Shared, 0, nil, "period or pages that were looked at"},
		{2405, "copy", TypeCode, Shared, 0, []string{"allowed", "refused", "not-asked"}, "whether a copy was allowed"},
	}},
	{ID: 2500, Name: "finding", Sealed: true, Help: "what the group concludes", Fields: []FieldSpec{
		{2501, "statement", TypeLong, Shared, 0, nil, "the finding"},
		{2502, "theme", TypeText, Shared, 0, nil, "theme"},
		{2503, "standing", TypeCode, Shared, RightLead, []string{"alleged", "observed", "established"}, "established needs two kinds of source"},
		{2504, "sources", TypeCodes, Shared, 0, sourceKinds, "kinds of source that support it"},
		{2505, "links", TypeCodes, Shared, 0, nil, "records that support it"},
		{2506, "minority", TypeLong, Personal, 0, nil, "a minority view"},
		{2507, "scale", TypeCode, Shared, 0, []string{"isolated", "pattern", "systemic"}, "how far it reaches"},
	}},
	{ID: 2600, Name: "checklist", Sealed: true, Help: "a checklist that is filled in on the visit", Fields: []FieldSpec{
		{2601, "template", TypeRef, Shared, 0, nil, "the version in use; see the template of that id in the registry"},
		{2602, "form", TypeText, Shared, 0, nil, "the form's id"},
		{2603, "subject", TypeRef, Shared, 0, nil, "the interview that it belongs to, where it belongs to one"},
		{2604, "area", TypeText, Shared, 0, nil, "block, ward or unit"},
	}},
	{ID: 2650, Name: "row", Sealed: true, Help: "one instance of a repeat in a checklist, such as a cell", Fields: []FieldSpec{
		{2651, "checklist", TypeRef, Shared, 0, nil, "the checklist"},
		{2652, "repeat", TypeText, Shared, 0, nil, "the repeat"},
		{2653, "parent", TypeRef, Shared, 0, nil, "the instance that it lies in, in nested repeats"},
		{2654, "order", TypeText, Shared, 0, nil, "its place: fractional index and random suffix"},
		{2655, "struck", TypeBool, Shared, 0, nil, "taken out by who added it; stays where others have answered in it"},
	}},
	{ID: 2700, Name: "evidence", Sealed: true, Help: "a photo, sound or file, sealed as it was taken", Fields: []FieldSpec{
		{2701, "kind", TypeCode, Shared, 0, []string{"photo", "audio", "file"}, "what it is"},
		{2702, "name", TypeText, Shared, 0, nil, "file name, as given"},
		{2703, "media", TypeText, Shared, 0, nil, "media type"},
		{2704, "size", TypeInt, Shared, 0, nil, "bytes of the original"},
		{2705, "hash", TypeText, Shared, 0, nil, "SHA-256 of the original"},
		{2706, "blob", TypeText, Shared, 0, nil, "SHA-256 of the sealed attachment"},
		{2707, "key", TypeBytes, Shared, 0, nil, "what opens the sealed attachment"},
		{2708, "caption", TypeLong, Shared, 0, nil, "what it shows, no names"},
		{2709, "links", TypeCodes, Shared, 0, nil, "records that it belongs to"},
		{2710, "consent", TypeCode, Shared, 0, []string{"given", "refused", "not-needed", "not-asked"}, "consent of whom it shows"},
		{2711, "restricted", TypeBool, Shared, 0, nil, "for health experts only"},
	}},
	{ID: 2750, Name: "identity", Sealed: true, Help: "who a pseudonym is, sealed so that two custodians must act together", Fields: []FieldSpec{
		{2751, "interview", TypeRef, Shared, 0, nil, "the conversation"},
		{2752, "sealed", TypeBytes, Shared, 0, nil, "sealed to both custodians"},
		{2753, "reason", TypeText, Shared, 0, nil, "why the identity is kept"},
		{2754, "custodians", TypeCodes, Shared, 0, nil, "the two laptops that it is sealed to, the first one first"},
		{2755, "request", TypeLong, Personal, RightLead, nil, "why somebody asked the custodians to open it"},
		{2756, "opened", TypeBytes, Personal, RightLead, nil, "what both custodians signed when they opened it"},
	}},
	{ID: 2800, Name: "recommendation", Sealed: true, Help: "what the group recommends, and what became of it", Fields: []FieldSpec{
		{2801, "text", TypeLong, Shared, 0, nil, "the recommendation"},
		{2802, "addressee", TypeText, Shared, 0, nil, "who is to act"},
		{2803, "due", TypeDate, Shared, 0, nil, "by when"},
		{2804, "status", TypeCode, Shared, 0, []string{"proposed", "agreed", "sent", "responded", "implemented", "not-implemented", "obsolete"}, "state"},
		{2805, "links", TypeCodes, Shared, 0, nil, "findings that it follows from"},
	}},
	{ID: 2850, Name: "followup", Sealed: true, Help: "what became of an earlier recommendation, seen on this visit", Fields: []FieldSpec{
		{2851, "recommendation", TypeRef, Shared, 0, nil, "the recommendation, in an earlier visit"},
		{2852, "claimed", TypeCode, Personal, 0, []string{"done", "partly", "not-done", "unknown"}, "state that the management claims"},
		{2853, "seen", TypeCode, Personal, 0, []string{"done", "partly", "not-done", "not-checked"}, "state that the team saw"},
		{2854, "note", TypeLong, Personal, 0, nil, "what shows it"},
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
