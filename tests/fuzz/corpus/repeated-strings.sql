SELECT þe'a'
--
þ;