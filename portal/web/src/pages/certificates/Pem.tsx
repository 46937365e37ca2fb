import { Button, FileButton, Textarea } from '@mantine/core';
import type { ApiForm } from '@/ui';

export interface PemProps {
  label: string;
  description: string;
  /** What stands in the first line. */
  begin: string;
  field: ReturnType<ApiForm<Record<string, unknown>>['form']['getInputProps']>;
  onFile: (text: string) => void;
  disabled?: boolean;
}

/** A text in PEM, pasted or from a file. */
export function Pem({ label, description, begin, field, onFile, disabled }: PemProps) {
  return (
    <div>
      <Textarea
        label={label}
        description={description}
        placeholder={`-----BEGIN ${begin}-----`}
        rows={5}
        spellCheck={false}
        autoComplete="off"
        classNames={{ input: 'tg-mono' }}
        disabled={disabled}
        {...field}
      />
      {disabled ? null : (
        <FileButton accept=".pem,.crt,.cer,.crl,.key,application/x-pem-file" onChange={(file) => void file?.text().then(onFile)}>
          {(props) => (
            <Button {...props} size="compact-sm" variant="default" mt={6} aria-label={`From a file: ${label.toLowerCase()}`}>
              From a file
            </Button>
          )}
        </FileButton>
      )}
    </div>
  );
}
