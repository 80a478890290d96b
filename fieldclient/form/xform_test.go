package form

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var tagPattern = regexp.MustCompile(`<([^\s<>/]+)((?:\s+[^\s=<>]+="[^"]*")+)\s*(/?)>`)

// squeezed sorts each tag's attributes and drops white space.
func squeezed(s string) string {
	s = tagPattern.ReplaceAllStringFunc(s, func(tag string) string {
		m := tagPattern.FindStringSubmatch(tag)
		attrs := regexp.MustCompile(`[^\s=]+="[^"]*"`).FindAllString(m[2], -1)
		slices.Sort(attrs)
		return "<" + m[1] + " " + strings.Join(attrs, " ") + m[3] + ">"
	})
	s = strings.NewReplacer("&gt;", ">", "&apos;", "'", "&#39;", "'").Replace(s)
	return strings.Join(strings.Fields(s), "")
}

func TestTheXFormSaysWhatTheFormSays(t *testing.T) {
	choices := sheet("choices", "list_name|name|label|size", "ab|a|A|1", "ab|b|B|2")
	for _, c := range []struct {
		name   string
		sheets []Sheet
		want   []string
	}{
		{"dynamic default inside and outside a repeat", survey("type|name|label|default", "date|d|D|today()", "begin repeat|r|R|", "text|t|T|now()", "end repeat"), []string{
			`<setvalue ref="/data/d" event="odk-instance-first-load" value="today()"/>`,
			`<setvalue ref="/data/r/t" event="odk-instance-first-load" value="now()"/>`,
			`<setvalue ref="/data/r/t" event="odk-new-repeat" value="now()"/></repeat>`}},
		{"static default", survey("type|name|label|default", "integer|n|N|-5", "date|d|D|2026-01-02", "image|i|I|a.png"), []string{`<n>-5</n><d>2026-01-02</d><i>jr://images/a.png</i>`}},
		{"trigger", survey("type|name|label|calculation|trigger", "text|a|A", "dateTime|stamp||now()|${a}"), []string{
			`<setvalue ref="/data/stamp" event="xforms-value-changed" value="now()"/></input>`, `<bind nodeset="/data/stamp" type="dateTime"/>`}},
		{"metadata", survey("type|name|label", "start|s", "deviceid|d", "username|u", "text|a|A"), []string{
			`<bind nodeset="/data/s" type="dateTime" jr:preload="timestamp" jr:preloadParams="start"/>`,
			`<bind nodeset="/data/d" type="string" jr:preload="property" jr:preloadParams="deviceid"/>`}},
		{"audit", survey("type|name|label|parameters", "audit|||track-changes=true", "text|a|A"), []string{`<meta><audit/><instanceID/></meta>`, `<bind nodeset="/data/meta/audit" type="binary" odk:track-changes="true"/>`}},
		{"range", survey("type|name|label|parameters", "range|r|R|start=0;end=1;step=0.5", "range|s|S"), []string{
			`<range ref="/data/r" start="0" end="1" step="0.5">`, `<bind nodeset="/data/r" type="decimal"/>`, `<range ref="/data/s" start="1" end="10" step="1">`, `<bind nodeset="/data/s" type="int"/>`}},
		{"geopoint", survey("type|name|label|parameters", "geopoint|g|G|capture-accuracy=5 warning-accuracy=10 allow-mock-accuracy=true", "start-geopoint|sg"), []string{
			`<input ref="/data/g" accuracyThreshold="5" unacceptableAccuracyThreshold="10">`, `<bind nodeset="/data/g" type="geopoint" odk:allow-mock-accuracy="true"/>`,
			`<odk:setgeopoint ref="/data/sg" event="odk-instance-first-load"/>`}},
		{"files", survey("type|name|label|parameters", "image|i|I|max-pixels=640", "audio|a|A|quality=low", "video|v|V", "file|f|F", "barcode|b|B"), []string{
			`<upload ref="/data/i" mediatype="image/*">`, `orx:max-pixels="640"`, `odk:quality="low"`, `<upload ref="/data/v" mediatype="video/*">`,
			`<upload ref="/data/f" mediatype="application/*">`, `<bind nodeset="/data/b" type="barcode"/>`}},
		{"acknowledge and note", survey("type|name|label|required", "acknowledge|ok|OK|yes", "note|n|N"), []string{
			`<trigger ref="/data/ok">`, `<bind nodeset="/data/ok" type="string" required="true()"/>`, `<bind nodeset="/data/n" type="string" readonly="true()"/>`}},
		{"choice filter in a repeat", []Sheet{survey("type|name|label|choice_filter", "begin repeat|r|R", "text|q|Q", "select_one ab|s|S|size = ${q}", "end repeat")[0], choices}, []string{
			`<itemset nodeset="instance('ab')/root/item[size = current()/../q ]"><value ref="name"/><label ref="label"/>`}},
		{"choices that name an answer", []Sheet{survey("type|name|label", "text|q|Q", "select_multiple dyn|s|S")[0], sheet("choices", "list_name|name|label", "dyn|x|${q}")}, []string{
			`<label ref="jr:itext(itextId)"/>`, `<text id="dyn-0"><value><output value=" /data/q "/></value></text>`}},
		{"randomised", []Sheet{survey("type|name|label|parameters", "rank ab|s|S|randomize=true seed=7")[0], choices}, []string{
			`<odk:rank ref="/data/s">`, `nodeset="randomize(instance('ab')/root/item, 7)"`, `<bind nodeset="/data/s" type="odk:rank"/>`}},
		{"or other", []Sheet{survey("type|name|label", "select_one ab or_other|s|S")[0], choices}, []string{
			`<name>other</name><label>Other</label>`, `<bind nodeset="/data/s_other" type="string" relevant="selected(../s, 'other')"/>`, `<input ref="/data/s_other"><label>Specify other.</label>`}},
		{"search()", []Sheet{survey("type|name|label|appearance", "select_one ab|s|S|search('f')")[0], choices}, []string{`<item><label>A</label><value>a</value></item>`}},
		{"select from a file", survey("type|name|label|parameters", "select_one_from_file towns.csv|s|S|value=code label=title", "select_multiple_from_file l.xml|m|M"), []string{
			`<instance id="towns" src="jr://file-csv/towns.csv"/><instance id="l" src="jr://file/l.xml"/>`, `<itemset nodeset="instance('towns')/root/item"><value ref="code"/><label ref="title"/>`}},
		{"select from answers", survey("type|name|label|choice_filter", "begin repeat|p|P", "text|name|N", "integer|age|A", "end repeat", "select_one ${name}|s|S|${age} > 18"), []string{
			`<itemset nodeset="/data/p[ ./age > 18]"><value ref="name"/><label ref="name"/>`}},
		{"external list", []Sheet{survey("type|name|label|choice_filter", "text|q|Q", "select_one_external towns|s|S|state = ${q}")[0], sheet("external_choices", "list_name|name|label|state", "towns|t|T|x")}, []string{
			`<input ref="/data/s" query="instance('towns')/root/item[state = /data/q ]">`}},
		{"files named in expressions", survey("type|name|label|calculation", "csv-external|list", "calculate|c||pulldata('prices', 'a', 'b', 'c')", "text|t|T"), []string{
			`<instance id="list" src="jr://file-csv/list.csv"/><instance id="prices" src="jr://file-csv/prices.csv"/>`}},
		{"last saved", survey("type|name|label|default", "text|a|A|${last-saved#a}"), []string{`<instance id="__last-saved" src="jr://instance/last-saved"/>`, `value=" instance('__last-saved')/data/a "`}},
		{"languages, hints, pictures", survey("type|name|label::kk|label::ru|hint|guidance_hint::ru|constraint_message::kk|media::image::ru", "text|a|Қ|Р|h|g|m|p.png"), []string{
			`<text id="/data/a:label"><value>Қ</value></text>`, `<text id="/data/a:label"><value>Р</value><value form="image">jr://images/p.png</value></text>`,
			`<value form="guidance">g</value>`, `jr:constraintMsg="jr:itext('/data/a:jr:constraintMsg')"`, `<hint ref="jr:itext('/data/a:hint')"/>`}},
		{"message with an answer in it", survey("type|name|label|required|required_message", "text|a|A|yes|not ${a}"), []string{`jr:requiredMsg="jr:itext('/data/a:jr:requiredMsg')"`, `<value>not <output value=" /data/a "/></value>`}},
		{"nested repeats and counts", survey("type|name|label|repeat_count", "integer|n|N", "begin repeat|o|O|${n}", "begin repeat|i|I|${n} + 1", "text|t|T", "end repeat", "end repeat"), []string{
			`<o jr:template=""><i_count/><i jr:template=""><t/></i></o><o><i_count/><i><t/></i></o>`,
			`<repeat nodeset="/data/o" jr:count=" /data/n ">`, `<repeat nodeset="/data/o/i" jr:count=" ../i_count ">`, `<bind nodeset="/data/o/i_count" type="string" readonly="true()" calculate=" /data/n + 1"/>`}},
		{"indexed-repeat", survey("type|name|label|calculation", "begin repeat|p|P", "text|name|N", "calculate|pos||position(..)", "calculate|prev||indexed-repeat(${name}, ${p}, ${pos} - 1)", "end repeat"), []string{
			`calculate="indexed-repeat( /data/p/name , /data/p , ../pos - 1)"`}},
		{"attributes of one's own", survey("type|name|label|bind::odk:length|body::accuracy|instance::odk:tag", "text|a|A|3|4|t"), []string{`odk:length="3"`, `<input ref="/data/a" accuracy="4">`, `<a odk:tag="t"/>`}},
		{"settings", []Sheet{survey("type|name|label", "text|a|A")[0], sheet("settings", "form_title|form_id|version|style|instance_name|submission_url|name|attribute::x|namespaces", `T|i|7|pages|concat('x', ${a})|https://e.example/s|root|y|e="https://e.example/ns"`)}, []string{
			`<h:title>T</h:title>`, `<root x="y" id="i" version="7">`, `<h:body class="pages">`, `<bind nodeset="/root/meta/instanceName" type="string" calculate="concat('x', /root/a )"/>`,
			`<submission action="https://e.example/s" method="post"/>`, `xmlns:e="https://e.example/ns"`}},
		{"signs of XML", survey("type|name|label|constraint", `text|a|<b> & "c"|. < 3 and . != "&"`), []string{`<label>&lt;b> &amp; &quot;c&quot;</label>`, `constraint=". &lt; 3 and . != &quot;&amp;&quot;"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := xformOf(t, mustBuild(t, c.sheets))
			canonicalXML(t, []byte(got))
			for _, want := range c.want {
				if !strings.Contains(squeezed(got), squeezed(want)) {
					t.Errorf("lacks %s\n%s", want, got)
				}
			}
		})
	}
}

func TestTheSameTemplateGivesTheSameXForm(t *testing.T) {
	tmpl := mustBuild(t, survey("type|name|label|parameters|bind::a|bind::b", "audit|||track-changes=true identify-user=true location-priority=balanced location-min-interval=1 location-max-age=2", "geopoint|g|G|capture-accuracy=5 warning-accuracy=10|1|2"))
	first := xformOf(t, tmpl)
	for range 20 {
		if xformOf(t, tmpl) != first {
			t.Fatal("the same template was written in two ways")
		}
	}
}

// Every name of a type in the reference converter's table is known.
func TestEveryAliasOfATypeIsKnown(t *testing.T) {
	for alias, want := range map[string]string{
		"string": "text", "int": "integer", "q decimal": "decimal", "add date prompt": "date", "datetime": "dateTime", "Q DATE TIME": "dateTime",
		"photo": "image", "q picture": "image", "gps": "geopoint", "location": "geopoint", "imei": "deviceid", "get today": "today", "end time": "end",
		"select1 x": "select_one", "select one from x": "select_one", "add select multiple prompt using x": "select_multiple", "select all that apply from x or specify other": "select_multiple",
		"SELECT_ONE x": "select_one", "rank x": "rank", "q note": "note", "percentage": "percentage", "number of days in last year": "number of days in last year", "osm x": "osm",
	} {
		cell := parseType(alias)
		if cell.def == nil || cell.def.name() != want {
			t.Errorf("%q is %+v, want %s", alias, cell, want)
		}
	}
	for _, s := range []string{"begin group", "begin_group", "Begin Repeat", "begin lgroup", "begin looped group"} {
		if parseType(s).begin == "" {
			t.Errorf("%q begins nothing", s)
		}
	}
}

// A prefix that nothing declares would make the document no XML.
func TestAnAttributeWhosePrefixNothingDeclaresIsLeftOut(t *testing.T) {
	form := []Sheet{survey("type|name|label|bind::esri:style|body::esri:visible|instance::esri:x|save_to", "text|a|A|one|two|three|prop")[0], sheet("settings", "attribute::esri:y|namespaces", "four|")}
	if x := xformOf(t, mustBuild(t, form)); strings.Contains(x, "esri:") || strings.Contains(x, "entities:") {
		t.Errorf("written all the same: %s", x)
	}
	form[1].Rows[1] = []string{"four", `esri="https://esri.example" entities="https://entities.example"`}
	x := xformOf(t, mustBuild(t, form))
	for _, want := range []string{`xmlns:esri="https://esri.example"`, `esri:style="one"`, `esri:visible="two"`, `esri:x="three"`, `esri:y="four"`, `entities:saveto="prop"`} {
		if !strings.Contains(x, want) {
			t.Errorf("%s is missing: %s", want, x)
		}
	}
}

func TestAFormWritesPathsInItsTexts(t *testing.T) {
	x := xformOf(t, mustBuild(t, []Sheet{survey("type|name|label", "select_one ab|a|A", "note|n|It is instance('ab')/root/item[name = ${a}]/label or (instance('ab')/root/item)")[0], sheet("choices", "list_name|name|label", "ab|x|X")}))
	if !strings.Contains(squeezed(x), squeezed(`<label>It is <output value="instance('ab')/root/item[name =  /data/a ]/label"/> or (<output value="instance('ab')/root/item"/>)</label>`)) {
		t.Error(x)
	}
}
