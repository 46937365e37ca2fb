import { Select, Text, type SelectProps } from '@mantine/core';
import type { Role } from '@/api/grants';
import { roles, roleWords } from './permissions';

/** Chooses a role; each choice says what it may do. */
export function RoleSelect({ onlyBelowOwner, ...rest }: Omit<SelectProps, 'data'> & { onlyBelowOwner?: boolean }) {
  return (
    <Select
      allowDeselect={false}
      comboboxProps={{ width: 300, position: 'bottom-start', shadow: 'md' }}
      data={roles.filter((r) => !onlyBelowOwner || r !== 'owner').map((value) => ({ value, label: roleWords[value].title }))}
      renderOption={({ option }) => (
        <div>
          <Text size="sm">{option.label}</Text>
          <Text size="xs" c="dimmed">
            {roleWords[option.value as Role].text}
          </Text>
        </div>
      )}
      {...rest}
    />
  );
}
