package document

// How XML is mapped to JSON, and back. Nothing of an element is lost but comments,
// processing instructions, the XML declaration, which of several ways its text was
// escaped, and white space between elements.
//
//	<a/> and <a></a>            "a": ""
//	<a>text</a>                 "a": "text"
//	<a x="1">text</a>           "a": {"@x": "1", "#text": "text"}
//	<a><b>1</b><b>2</b></a>     "a": {"b": ["1", "2"]}
//	<a><c/><b/></a>             "a": {"b": "", "c": "", "#order": ["c", "b"]}
//	<a>x<b/>y</a>               "a": {"b": "", "#text": ["x", "y"], "#order": ["#text", "b", "#text"]}
//
// The document is an object with the root element as its only member. Names keep
// their prefixes, and declarations of namespaces are attributes ("@xmlns:p").
// "#order" stands only where children are not in the order that they are written
// in without it: text first, then by name. Text of white space alone counts only
// in elements without child elements, or where xml:space="preserve" is in force.
//
// The other way round, numbers, true, false and null (which is empty) become text.

const (
	textKey  = "#text"
	orderKey = "#order"
)
