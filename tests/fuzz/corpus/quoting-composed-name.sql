SELECT set_config('standard_' || 'conforming_strings', 'off', false);
SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
