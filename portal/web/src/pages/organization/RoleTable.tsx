import { Table, Text, VisuallyHidden } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { Fragment } from 'react';
import classes from './RoleTable.module.css';
import { mayDo, permissionGroups, roles, roleWords } from './permissions';

/** What each role may do, drawn from the table that the portal itself goes by. */
export function RoleTable() {
  return (
    // Hidden words are placed inside of it, not beside the page.
    <div className="tg-panel" style={{ overflowX: 'auto', position: 'relative' }} tabIndex={0} role="region" aria-label="What each role may do">
      <Table verticalSpacing={6} horizontalSpacing="sm" miw={600} className={classes.roles}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">May</Table.Th>
            {roles.map((role) => (
              <Table.Th key={role} scope="col" ta="center" w="5.4rem">
                {roleWords[role].title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {permissionGroups.map((group) => (
            <Fragment key={group.title}>
              <Table.Tr>
                <Table.Th colSpan={roles.length + 1} scope="colgroup" pt="md">
                  <Text span size="xs" c="dimmed" fw={550}>
                    {group.title}
                  </Text>
                </Table.Th>
              </Table.Tr>
              {group.permissions.map(({ name, text }) => (
                <Table.Tr key={name}>
                  <Table.Th scope="row" fw={400}>
                    {text}
                  </Table.Th>
                  {roles.map((role) => (
                    <Table.Td key={role} ta="center">
                      {mayDo(role, name) ? (
                        <>
                          <IconCheck size={16} aria-hidden color="var(--tg-good)" style={{ verticalAlign: 'middle' }} />
                          <VisuallyHidden>Yes</VisuallyHidden>
                        </>
                      ) : (
                        <VisuallyHidden>No</VisuallyHidden>
                      )}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
