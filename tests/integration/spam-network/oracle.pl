#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# oracle.pl RULES SERVER MESSAGE: the network tests that Debian's SpamAssassin hits with a rule file of ours
# and nothing else, asking the name server ADDRESS:PORT. One line, names sorted.
use strict;
use warnings;
use File::Temp ();
use Mail::SpamAssassin;

my ($rules, $server, $message) = @ARGV;
my $home = File::Temp::tempdir('pmg-oracle-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $read = sub {
    open(my $input, '<:raw', $_[0]) or die "$_[0]: $!\n";
    local $/;
    return scalar <$input>;
};
my $setup = join("\n",
    (map { "loadplugin Mail::SpamAssassin::Plugin::$_" } qw(Check URIDNSBL DNSEval AskDNS HashBL)),
    'use_bayes 0', 'dns_available yes', "dns_server $server", 'rbl_timeout 5', $read->($rules), '');
my $engine = Mail::SpamAssassin->new({
    dont_copy_prefs => 1, userprefs_filename => '/dev/null', home_dir_for_helpers => $home,
    userstate_dir => $home, rules_filename => '/dev/null', site_rules_filename => '/dev/null',
    config_text => $setup,
});
my $text = $engine->parse($read->($message), 1);
my $status = $engine->check($text);
my @hits = grep { $_ ne '' } split(/,/, join(',', $status->get_names_of_tests_hit(),
    $status->get_names_of_subtests_hit()));
print join(' ', sort @hits), "\n";
$status->finish();
$text->finish();
$engine->finish();
