import { useComputedColorScheme } from '@mantine/core';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import CodeMirror, { EditorView, Prec } from '@uiw/react-codemirror';
import { useMemo } from 'react';
import { styleNonce } from '@/theme/nonce';
import type { Format } from './text';

export interface CodeEditorProps {
  label: string;
  value: string;
  format: Format | 'text';
  onChange?: (text: string) => void;
  readOnly?: boolean;
  minHeight?: string;
  maxHeight?: string;
}

const surface = EditorView.theme({
  '&': { fontSize: '0.8125rem', backgroundColor: 'var(--tg-panel)' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.6' },
  '.cm-gutters': { backgroundColor: 'var(--tg-panel)', color: 'var(--mantine-color-dimmed)', borderRight: '1px solid var(--tg-line)' },
});

/** A text with colours and line numbers. Tab leaves it, as everywhere on the page. */
export default function CodeEditor({ label, value, format, onChange, readOnly = false, minHeight = '14rem', maxHeight = '60vh' }: CodeEditorProps) {
  const scheme = useComputedColorScheme('light');
  const extensions = useMemo(
    () => [
      EditorView.cspNonce.of(styleNonce()),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label }),
      Prec.highest(surface),
      ...(format === 'yaml' ? [yaml()] : format === 'json' ? [json()] : []),
    ],
    [format, label],
  );
  return (
    <div className="tg-panel" style={{ overflow: 'hidden' }}>
      <CodeMirror
        value={value}
        theme={scheme}
        extensions={extensions}
        onChange={onChange}
        readOnly={readOnly}
        onCreateEditor={(view) => {
          // A long text scrolls: the keyboard must reach it where it can't be edited too.
          view.scrollDOM.tabIndex = 0;
        }}
        editable={!readOnly}
        indentWithTab={false}
        minHeight={minHeight}
        maxHeight={maxHeight}
        basicSetup={{ foldGutter: false, highlightActiveLine: !readOnly, autocompletion: false }}
      />
    </div>
  );
}
