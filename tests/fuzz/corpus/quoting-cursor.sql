CREATE FUNCTION public.f() RETURNS int LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('standard_' || 'conforming_strings', 'off', false); RETURN 1; END$$;
BEGIN;
DECLARE c CURSOR FOR SELECT public.f();
FETCH c;
COMMIT;
SELECT 'x\'; SELECT 1; SELECT '\
';
SELECT 'marker';
