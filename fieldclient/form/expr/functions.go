package expr

// functions is the library: XPath 1.0 §4 and the ODK XForms specification, "XPath Functions". For the letters of a
// signature see [function]. What changes without an answer changing is named in volatile.
var functions = map[string]function{
	// Texts
	"string":           {signature: "s?", gives: Text, eager: fnString},
	"concat":           {signature: "a*", gives: Text, eager: fnConcat},
	"join":             {signature: "sa*", gives: Text, eager: fnJoin},
	"substr":           {signature: "snn?", gives: Text, eager: fnSubstr},
	"substring":        {signature: "snn?", gives: Text, eager: fnSubstring},
	"substring-before": {signature: "ss", gives: Text, eager: fnSubstringBefore},
	"substring-after":  {signature: "ss", gives: Text, eager: fnSubstringAfter},
	"translate":        {signature: "sss", gives: Text, eager: fnTranslate},
	"string-length":    {signature: "s?", gives: Number, eager: fnStringLength},
	"normalize-space":  {signature: "s?", gives: Text, eager: fnNormalizeSpace},
	"contains":         {signature: "ss", gives: Boolean, eager: fnContains},
	"starts-with":      {signature: "ss", gives: Boolean, eager: fnStartsWith},
	"ends-with":        {signature: "ss", gives: Boolean, eager: fnEndsWith},
	"regex":            {signature: "ss", gives: Boolean, eager: fnRegex},
	"uuid":             {signature: "n?", gives: Text, eager: fnUUID},
	"digest":           {signature: "sss?", gives: Text, eager: fnDigest},
	"base64-decode":    {signature: "s", gives: Text, eager: fnBase64Decode},
	"extract-signed":   {signature: "ss", gives: Text, eager: fnExtractSigned},

	// Yes and no
	"if":                  {signature: "baa", gives: Any, lazy: fnIf},
	"coalesce":            {signature: "aa", gives: Any, lazy: fnCoalesce},
	"once":                {signature: "a", gives: Any, lazy: fnOnce},
	"true":                {gives: Boolean, eager: fnTrue},
	"false":               {gives: Boolean, eager: fnFalse},
	"boolean":             {signature: "b", gives: Boolean, eager: fnBoolean},
	"boolean-from-string": {signature: "s", gives: Boolean, eager: fnBooleanFromString},
	"not":                 {signature: "b", gives: Boolean, eager: fnNot},
	"checklist":           {signature: "nna*", gives: Boolean, eager: fnChecklist},
	"weighted-checklist":  {signature: "nna*", gives: Boolean, eager: fnWeightedChecklist},

	// Numbers
	"number":  {signature: "n?", gives: Number, eager: fnNumber},
	"int":     {signature: "n", gives: Number, eager: fnInt},
	"floor":   {signature: "n", gives: Number, eager: fnFloor},
	"ceiling": {signature: "n", gives: Number, eager: fnCeiling},
	"round":   {signature: "nn?", gives: Number, eager: fnRound},
	"abs":     {signature: "n", gives: Number, eager: fnAbs},
	"pow":     {signature: "nn", gives: Number, eager: fnPow},
	"sqrt":    {signature: "n", gives: Number, eager: fnSqrt},
	"exp":     {signature: "n", gives: Number, eager: fnExp},
	"exp10":   {signature: "n", gives: Number, eager: fnExp10},
	"log":     {signature: "n", gives: Number, eager: fnLog},
	"log10":   {signature: "n", gives: Number, eager: fnLog10},
	"sin":     {signature: "n", gives: Number, eager: fnSin},
	"cos":     {signature: "n", gives: Number, eager: fnCos},
	"tan":     {signature: "n", gives: Number, eager: fnTan},
	"asin":    {signature: "n", gives: Number, eager: fnAsin},
	"acos":    {signature: "n", gives: Number, eager: fnAcos},
	"atan":    {signature: "n", gives: Number, eager: fnAtan},
	"atan2":   {signature: "nn", gives: Number, eager: fnAtan2},
	"pi":      {gives: Number, eager: fnPi},
	"min":     {signature: "aa*", gives: Number, eager: fnMin},
	"max":     {signature: "aa*", gives: Number, eager: fnMax},
	"random":  {gives: Number, eager: fnRandom},

	// Questions, repeats and lists
	"sum":             {signature: "N", gives: Number, eager: fnSum},
	"count":           {signature: "N", gives: Number, eager: fnCount},
	"count-non-empty": {signature: "N", gives: Number, eager: fnCountNonEmpty},
	"position":        {signature: "N?", gives: Number, eager: fnPosition},
	"last":            {gives: Number, eager: fnLast},
	"name":            {signature: "N?", gives: Text, eager: fnName},
	"local-name":      {signature: "N?", gives: Text, eager: fnLocalName},
	"current":         {gives: Nodes, eager: fnCurrent},
	"instance":        {signature: "s", gives: Nodes, eager: fnInstance},
	"pulldata":        {signature: "ssss", gives: Text, eager: fnPulldata},
	"randomize":       {signature: "Na?", gives: Nodes, eager: fnRandomize},
	"indexed-repeat":  {signature: "NNna*", gives: Nodes, lazy: fnIndexedRepeat},

	// Choices and translations
	"selected":       {signature: "ss", gives: Boolean, eager: fnSelected},
	"is-selected":    {signature: "ss", gives: Boolean, eager: fnSelected}, // its older name
	"selected-at":    {signature: "sn", gives: Text, eager: fnSelectedAt},
	"count-selected": {signature: "s", gives: Number, eager: fnCountSelected},
	"jr:choice-name": {signature: "ss", gives: Text, eager: fnChoiceName},
	"jr:itext":       {signature: "s", gives: Text, eager: fnItext},

	// Dates and times
	"today":             {gives: Text, eager: fnToday},
	"now":               {gives: Text, eager: fnNow},
	"date":              {signature: "a", gives: Text, eager: fnDate},
	"date-time":         {signature: "a", gives: Text, eager: fnDateTime},
	"decimal-date-time": {signature: "a", gives: Number, eager: fnDecimalDateTime},
	"decimal-time":      {signature: "a", gives: Number, eager: fnDecimalTime},
	"format-date":       {signature: "as", gives: Text, eager: fnFormatDate},
	"format-date-time":  {signature: "as", gives: Text, eager: fnFormatDate},

	// Places
	"area":          {signature: "a", gives: Number, eager: fnArea},
	"enclosed-area": {signature: "a", gives: Number, eager: fnArea}, // its older name
	"distance":      {signature: "aa*", gives: Number, eager: fnDistance},
	"geofence":      {signature: "ss", gives: Boolean, eager: fnGeofence},
	"intersects":    {signature: "a", gives: Boolean, eager: fnIntersects},

	// The device, the user and the form
	"property": {signature: "s", gives: Text, eager: fnProperty},
	"version":  {gives: Text, eager: fnVersion},
}

// volatile names the functions that give another value although no answer changed.
var volatile = map[string]bool{"now": true, "today": true, "random": true, "randomize": true, "uuid": true}
