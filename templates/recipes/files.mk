# Single files: into the cage (put), and out of it through the judge of an export (get).
# This file is yours: edit it freely. A re-render merges into your edits and never overwrites them.
#
# put: named lays out the files, and a helper lays them into the volume as the cage's user; the cage goes on meanwhile.
# get: taken has a helper judge the files, as an export's stage does; placed moves them where nothing has their name.

#: Stop if it is not said which file is to be put, or where make would look for it
puttable:
	$(Q)[ -n "$$CAGE_FILES$$CAGE_CLIPBOARD" ] || $(die) 2 'there is no file to put' 'Name it: @put@'

#: Lay out the files to put, each under the name that it gets: a link, or standard input, or the clipboard's image
named: seen | $(FOLDERS)
	$(Q)rm -rf $(S)/files/named $(S)/files/answer
	$(Q)mkdir $(S)/files/named
	$(Q)bash lib/files/named

#: A helper writes them into the cage once all have come; a link in the way is never followed
put-in: unclaimed named helper-image helper-gone
	$(call say,PUT,$$CAGE_NAME)
	$(Q)bash lib/files/sent | $(HELPER) \
		--env CAGE_TO \
		--mount "$(FROM_VOLUME),dst=/project" \
		--mount "$(FROM_VOLUME).home,dst=/home/trustycage,volume-nocopy" \
		--user 1000:1000 \
		-- "$$(cat $(S)/image/used-guard-image)" put 2>$(S)/engine/helper.err \
		| bash lib/run/unpack $(S)/files/answer 2>/dev/null || $(failed)/put
	$(Q)rm -rf $(S)/files/named
	$(Q)bash lib/files/told

#: Stop if it is not said which files are to be had, or where they are to go
gettable:
	$(Q)bash lib/files/gettable

#: The question for the helper: names alone, since a get compares with nothing
question-of-names: | $(FOLDERS)
	$(Q)rm -rf $(S)/export/question $(S)/export/stage
	$(Q)mkdir $(S)/export/question
	$(Q)printf '%s\n' "$$CAGE_PATHS" >$(S)/export/question/paths
	$(Q)echo 2 >$(S)/export/question/complete

#: Have a helper judge the named files; its answer is lists, and a tree of the files
taken: unclaimed readable helper-image helper-gone question-of-names
	$(call say,STAGE,$$CAGE_NAME)
	$(Q)bash lib/export/asked $(PAUSE) | $(HELPER) \
		--cap-add DAC_OVERRIDE \
		--mount "$(FROM_VOLUME),dst=/project,readonly" \
		--mount "$(FROM_VOLUME).home,dst=/home/trustycage,readonly,volume-nocopy" \
		--user 0:0 \
		-- "$$(cat $(S)/image/used-guard-image)" judge get | bash lib/run/unpack $(S)/export/stage \
		|| rm -f $(S)/export/asked
	$(RESUME)
	$(Q)[ -e $(S)/export/asked ] || $(failed)/read
	$(Q)bash lib/files/judged

#: Move them to their place, or print the one file
placed: taken
	$(Q)[ "$$CAGE_TO" = - ] || bash lib/files/placed
	$(Q)[ "$$CAGE_TO" != - ] || $(enough) cat $(S)/export/stage/tree/*
	$(Q)rm -rf $(S)/export/stage/tree

.PHONY: gettable named placed put-in puttable question-of-names taken
