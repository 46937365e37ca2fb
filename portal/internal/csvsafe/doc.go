// Package csvsafe writes CSV that a spreadsheet shows and never runs. A cell that
// begins with a character that spreadsheets take for a formula (CWE-1236) gets a
// leading apostrophe; plain numbers stay numbers. Everything in the portal that
// answers CSV goes through it.
package csvsafe
