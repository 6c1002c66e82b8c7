#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Asks SpamAssassin for the language of message files, the oracle of test_spam_language_models: prints for
# each file a JSON object with the body as rules see it and the languages TextCat found.
use strict;
use warnings;
use JSON::PP;
use Mail::SpamAssassin;

my $scanner = Mail::SpamAssassin->new({
    local_tests_only => 1,
    dont_copy_prefs  => 1,
    username         => 'nobody',
    config_text      => "loadplugin Mail::SpamAssassin::Plugin::TextCat\nok_languages all\nuse_bayes 0\n",
    languages_filename => '/usr/share/spamassassin/languages',
});
my $json = JSON::PP->new->latin1->canonical;
foreach my $file (@ARGV) {
    open(my $handle, '<:raw', $file) or next;
    local $/;
    my $message = $scanner->parse(scalar(<$handle>), 1);
    my $status = Mail::SpamAssassin::PerMsgStatus->new($scanner, $message);
    $message->extract_message_metadata($status);
    my @body = map { my $line = $_; utf8::encode($line) if utf8::is_utf8($line); $line }
        @{ $message->get_rendered_body_text_array() };
    print $json->encode({
        body      => \@body,
        languages => $message->get_metadata('X-Languages') // '',
        length    => $message->get_metadata('X-Languages-Length') // 0,
        wide      => (grep { utf8::is_utf8($_) } @{ $message->get_rendered_body_text_array() }) ? 1 : 0,
    }), "\n";
    $message->finish();
}
